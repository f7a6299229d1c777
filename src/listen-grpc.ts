import { Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { type Address, writeAddress } from './config/schema/listen.ts';
import {
  authorizationName,
  authorizationService,
  checkHandler,
} from './gateways/grpc/authorization-service.ts';
import type { Check } from './gateways/grpc/check.ts';
import type { CheckRequest } from './gateways/grpc/decode-check-request.ts';
import {
  healthCheckHandler,
  healthService,
  healthWatchHandler,
} from './gateways/grpc/health-service.ts';
import { traceHeaders } from './gateways/grpc/trace-headers.ts';
import { type ListenSettings, removeStaleSocket } from './listen.ts';
import { readTls, type TlsFiles } from './listen-tls.ts';
import type { UnaryHandler } from './ops/traces/decision-spans.ts';
import type { Traces } from './ops/traces/open-traces.ts';

export interface GrpcListenerDeps {
  readonly check: Check;
  /** Whether requests should come: what `grpc.health.v1` answers. */
  readonly isServing: () => boolean;
  readonly traces?: Pick<Traces, 'calls'> | undefined;
}

type CheckCall = ServerUnaryCall<CheckRequest, Uint8Array>;
type CheckHandler = UnaryHandler<CheckCall, Uint8Array>;

/** A check is a request's head; a body in it is skipped, and a large one refused. */
const maxMessageBytes = 1024 * 1024;

/** Serves `envoy.service.auth.v3.Authorization` and `grpc.health.v1.Health`; listens nowhere yet. */
export function createGrpcListener({ check, isServing, traces }: GrpcListenerDeps): Server {
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.enable_channelz': 0,
  });
  const handler = checkHandler(check);
  const tracing = { method: `${authorizationName}/Check`, headersOf: traceHeaders };
  const traced = traces?.calls<CheckCall, Uint8Array>(tracing, handler as CheckHandler);
  server.addService(authorizationService, { check: traced ?? handler });
  server.addService(healthService, {
    check: healthCheckHandler(isServing),
    watch: healthWatchHandler(isServing),
  });
  return server;
}

/**
 * @returns what later connections get another certificate with
 * @throws what listening fails with, or when a TLS file cannot be read or used
 */
export async function openGrpc(
  server: Server,
  at: Address & ListenSettings,
): Promise<(files: TlsFiles) => void> {
  if (at.path !== undefined) await removeStaleSocket(at.path);
  const credentials = at.tls === undefined ? undefined : new RenewableCredentials(readTls(at.tls));
  await new Promise<void>((resolve, reject) => {
    const given = credentials ?? ServerCredentials.createInsecure();
    server.bindAsync(writeAddress(at), given, (error) => {
      // As node:net marks it: an address in use is told without a stack.
      if (error) reject(Object.assign(error, { syscall: 'listen' }));
      else resolve();
    });
  });
  return (files) => credentials?.renew(files);
}

/** Closes within `patience` milliseconds: calls in flight may end, new ones go elsewhere. */
export async function closeGrpc(server: Server, at: Address, patience: number): Promise<void> {
  // Not forceShutdown: without channelz it knows no connections.
  server.drain(writeAddress(at), patience);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
}

/** `createSsl` has its certificates for good. */
class RenewableCredentials extends ServerCredentials {
  constructor(files: TlsFiles) {
    super({ requestCert: files.ca !== undefined }, files);
  }

  renew(files: TlsFiles): void {
    this.updateSecureContextOptions(files);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
