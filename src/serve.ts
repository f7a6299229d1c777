import type { Server } from 'node:http';
import { assemble, type Service, type ServiceDeps } from './assemble/assemble.ts';
import type { LoadedConfiguration } from './config/load.ts';
import type { Configuration } from './config/schema/configuration.ts';
import { type Address, writeAddress } from './config/schema/listen.ts';
import { systemTimers } from './issuers/timers.ts';
import type { KeyEvent } from './keys/key-events.ts';
import { openKeys } from './keys/open-keys.ts';
import { createSteadyClock } from './keys/steady-clock.ts';
import {
  close,
  createGatewayListener,
  createListener,
  type ListenSettings,
  open,
} from './listen.ts';
import type { GrpcListenerDeps } from './listen-grpc.ts';
import { openRecords } from './open-records.ts';
import { readCertificates } from './ops/certificates.ts';
import { createDecisionLog } from './ops/decision-log.ts';
import { createHealthListener } from './ops/health.ts';
import { createOpsListener } from './ops/listener.ts';
import { createLog, describeError } from './ops/log.ts';
import { createMetrics } from './ops/metrics.ts';
import type { Traces } from './ops/traces/open-traces.ts';
import { createStartWait } from './start-wait.ts';
import { openRevocations } from './state/open-revocations.ts';

/**
 * Builds every object once, opens the listeners, and serves until it is told to stop: then it is
 * unready, goes on serving for the drain time, and closes. A second signal ends it at once.
 *
 * @returns when it has stopped
 * @throws ConfigurationError, or what listening fails with
 */
export async function serve(loaded: LoadedConfiguration): Promise<void> {
  const { configuration } = loaded;
  const { listen, drain } = configuration;
  const metrics = createMetrics({
    gateways: Object.keys(configuration.gateways),
    isReady: () => state === 'ready',
  });
  const records = openRecords(loaded);
  const logging = createLog(configuration.log, metrics.countLostLine, records?.besideLog);
  const log = logging.logger;
  const audit = records?.open(log);
  // Also where nothing is recorded: else the signal would end the process.
  process.on('SIGHUP', () => audit?.reopen());
  const logDecision = createDecisionLog(logging, configuration.log.decisions);
  // A promise that nobody awaits is a mistake of ours, and no reason to turn every caller away.
  process.on('unhandledRejection', (error) => log.error(describeError(error), 'not awaited'));
  // After an exception nothing is known to hold any more; and Node would print its message, which
  // may quote a credential.
  process.on('uncaughtException', (error) => {
    log.fatal(describeError(error), 'not caught');
    process.exit(1);
  });
  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  const ready = () => state === 'ready';
  const health = createHealthListener({
    // A process that waits for its keys is not to be started again: that would not bring them.
    started: () => state !== 'starting' || wait.reason() !== undefined,
    ready,
    waitingFor: () => (state === 'starting' ? wait.reason() : undefined),
  });
  const ops = overHttp(
    'ops',
    listen.ops,
    createListener(createOpsListener(metrics, health), listen.ops),
  );
  const stopped = nextSignal();
  const wait = createStartWait({ log, openProbes: ops.open, stopped });
  const traces = await openTraces(configuration.traces, log);
  const signing = traceSigning(traces, configuration.keys);
  const onDecision: ServiceDeps['onDecision'] = (gateway, decision, seconds) => {
    metrics.countDecision(gateway, decision, seconds);
    logDecision(gateway, decision, seconds);
  };
  const start = () =>
    assemble(loaded, {
      now: Date.now,
      log,
      onDecision: traces?.decisions(onDecision) ?? onDecision,
      outgoing: traces?.outgoing,
      ...(signing && {
        watch: (steps) => ({ ...steps, signer: () => signing(steps.signer()) }),
      }),
      record: audit?.record,
      onError: (error) => log.error(describeError(error), 'a request failed'),
      openRevocations: (settings, rules) =>
        openRevocations(settings, rules, { now: Date.now, log, waiting: wait }),
      openKeys: (settings, onDropped) =>
        openKeys(settings, {
          now: createSteadyClock({ wall: Date.now, monotonic: () => performance.now() }),
          timers: systemTimers,
          log,
          onKeyEvent: (event) => logKeyEvent(log, event),
          onDropped,
          waiting: wait,
          outgoing: traces?.outgoing,
        }),
    });
  const service = await wait.during(start).catch(async (error: unknown) => {
    await ops.close(0);
    throw error;
  });
  if (service === undefined) {
    await ops.close(0);
    return log.info({}, 'stopped');
  }

  const auth = traces?.listener(service.auth) ?? service.auth;
  const listeners = [
    ops,
    overHttp('public', listen.public, createListener(service.public, listen.public)),
    overHttp('auth', listen.auth, createGatewayListener(auth, listen.auth)),
  ];
  if (service.check && listen.grpc) {
    listeners.push(await overGrpc(listen.grpc, { check: service.check, isServing: ready, traces }));
  }
  metrics.observe({
    ...service.sources,
    certificates: readCertificates(listen),
    spans: traces?.counts,
    audit: audit?.status,
  });
  await openAll(listeners, log);
  await service.start();
  state = 'ready';
  log.info({ kid: service.keys.ring.signer.kid, issuer: configuration.issuer }, 'ready');

  const signal = await stopped;
  state = 'stopping';
  log.info({ signal, drain_ms: drain }, 'stopping');
  await stop(listeners, service, { drain, traces });
  audit?.close();
  log.info({}, 'stopped');
}

/** Loaded when asked for: OpenTelemetry is large, and most services write no traces. */
async function openTraces(
  settings: Configuration['traces'],
  log: ServiceDeps['log'],
): Promise<Traces | undefined> {
  if (settings === undefined) return undefined;
  return (await import('./ops/traces/open-traces.ts')).openTraces(settings, log);
}

/** @returns what lays spans around a key that is elsewhere */
function traceSigning(
  traces: Traces | undefined,
  { pkcs11, vault_transit: vault }: Configuration['keys'],
): ReturnType<Traces['signing']> | undefined {
  if (pkcs11) return traces?.signing('pkcs11');
  return vault && traces?.signing('vault_transit');
}

function logKeyEvent(log: ServiceDeps['log'], { event, ...facts }: KeyEvent): void {
  const fields = { event, ...facts };
  if (event === 'key_store_failed' || event === 'key_dropped') log.warn(fields, keyMessages[event]);
  else log.info(fields, keyMessages[event]);
}

const keyMessages: Readonly<Record<KeyEvent['event'], string>> = {
  key_staged: 'a key is published, and signs later',
  key_active: 'a key signs from now on',
  key_gone: 'a key is not published any more',
  key_dropped: 'a compromised key was dropped',
  key_store_failed: 'keys cannot be read or kept; those in memory go on',
  key_store_recovered: 'keys can be read and kept again',
};

interface Listener {
  readonly name: string;
  readonly at: Address;
  open(): Promise<void>;
  /** @param patience milliseconds that calls in flight may take */
  close(patience: number): Promise<void>;
}

function overHttp(name: string, at: Address, server: Server): Listener {
  let opened: Promise<void> | undefined;
  return {
    name,
    at,
    open() {
      opened ??= open(server, at);
      return opened;
    },
    close: (patience) => close(server, patience),
  };
}

/** Loaded when asked for: most services speak no gRPC. */
async function overGrpc(at: Address & ListenSettings, deps: GrpcListenerDeps): Promise<Listener> {
  const { createGrpcListener, openGrpc, closeGrpc } = await import('./listen-grpc.ts');
  const server = createGrpcListener(deps);
  return {
    name: 'grpc',
    at,
    open: () => openGrpc(server, at),
    close: (patience) => closeGrpc(server, at, patience),
  };
}

/** Opens all or none: what is open already would keep a process alive that serves nobody. */
async function openAll(listeners: readonly Listener[], log: ServiceDeps['log']): Promise<void> {
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

/** @returns the first of the signals that ask to stop; the next one ends the process at once */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

async function stop(
  listeners: readonly Listener[],
  service: Service,
  { drain, traces }: { readonly drain: number; readonly traces: Traces | undefined },
): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, drain));
  const closing = Date.now();
  await Promise.all(listeners.map((listener) => listener.close(drain)));
  await traces?.close(Math.max(0, closing + drain - Date.now()));
  await service.close();
}
