import type { Server } from 'node:http';
import type { Configuration } from './config/schema/configuration.ts';
import { type Address, writeAddress } from './config/schema/listen.ts';
import type { Log } from './issuers/log.ts';
import { close, createGatewayListener, type ListenSettings, open, renewTls } from './listen.ts';
import type { GrpcListenerDeps } from './listen-grpc.ts';
import type { ListenerName, TlsFiles } from './listen-tls.ts';
import type { Traces } from './ops/traces/open-traces.ts';
import type { Generations } from './reload/generations.ts';

/** An address that the service answers at. */
export interface Listener {
  readonly name: ListenerName;
  readonly at: Address;
  open(): Promise<void>;
  /** Later connections get these certificates. */
  renew(files: TlsFiles): void;
  /** Tells callers, with every answer, not to keep their connections: they are about to end. */
  drain(): void;
  /** @param patience milliseconds that calls in flight may take */
  close(patience: number): Promise<void>;
}

export function overHttp(name: ListenerName, at: Address, server: Server): Listener {
  let opened: Promise<void> | undefined;
  return {
    name,
    at,
    open() {
      opened ??= open(server, at);
      return opened;
    },
    renew: (files) => renewTls(server, files),
    drain() {
      server.prependListener('request', (_, res) => {
        res.shouldKeepAlive = false;
      });
    },
    close: (patience) => close(server, patience),
  };
}

/** Loaded when asked for: most services speak no gRPC. */
export async function overGrpc(
  at: Address & ListenSettings,
  deps: GrpcListenerDeps,
): Promise<Listener> {
  const { createGrpcListener, openGrpc, closeGrpc } = await import('./listen-grpc.ts');
  const server = createGrpcListener(deps);
  let renew = (_files: TlsFiles): void => {};
  return {
    name: 'grpc',
    at,
    async open() {
      renew = await openGrpc(server, at);
    },
    renew: (files) => renew(files),
    // HTTP/2 has a frame for it, which closing sends.
    drain() {},
    close: (patience) => closeGrpc(server, at, patience),
  };
}

/** Those that ask the service for decisions, whichever is current. */
export async function createDecisionListeners(
  { auth, grpc }: Configuration['listen'],
  service: Pick<Generations, 'auth' | 'check'>,
  { isServing, traces }: { readonly isServing: () => boolean; readonly traces: Traces | undefined },
): Promise<readonly Listener[]> {
  const traced = traces?.listener(service.auth) ?? service.auth;
  return [
    overHttp('auth', auth, createGatewayListener(traced, auth)),
    ...(grpc ? [await overGrpc(grpc, { check: service.check, isServing, traces })] : []),
  ];
}

/** Opens all or none: what is open already would keep a process alive that serves nobody. */
export async function openAll(listeners: readonly Listener[], log: Log): Promise<void> {
  try {
    for (const listener of listeners) {
      await listener.open();
      log.info({ listener: listener.name, address: writeAddress(listener.at) }, 'listening');
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    throw error;
  }
}
