import { createBuilder } from './build-service.ts';
import type { LoadedConfiguration } from './config/load.ts';
import type { Configuration } from './config/schema/configuration.ts';
import { systemTimers } from './issuers/timers.ts';
import { createGatewayListener, createListener } from './listen.ts';
import { readAllTls } from './listen-tls.ts';
import { type Listener, openAll, overGrpc, overHttp } from './listeners.ts';
import { openRecords } from './open-records.ts';
import { readCertificates } from './ops/certificates.ts';
import { createHealthListener } from './ops/health.ts';
import { createOpsListener } from './ops/listener.ts';
import { createLog, describeError, type Log } from './ops/log.ts';
import { createMetrics, type MetricSources } from './ops/metrics.ts';
import type { Traces } from './ops/traces/open-traces.ts';
import { describeProcess, type ProcessFacts } from './reload/describe-process.ts';
import { createGenerations, type Generations } from './reload/generations.ts';
import { canBeReadAgain, filesOf, readWithFiles } from './reload/read-with-files.ts';
import { createReloader, type ReloadStatus } from './reload/reloader.ts';
import { createTakeOver, type Running } from './reload/take-over.ts';
import { createStartWait } from './start-wait.ts';

export interface ServeOptions {
  readonly loaded: LoadedConfiguration;
  /** Reads it anew; undefined for a configuration that is in no file. */
  readonly read?: (() => LoadedConfiguration) | undefined;
}

/**
 * Builds everything, opens the listeners, and serves until it is told to stop: then it is unready,
 * goes on serving for the drain time, and closes. A second signal ends it at once. Meanwhile other
 * configurations may take over.
 *
 * @returns when it has stopped
 * @throws ConfigurationError, or what listening fails with
 */
export async function serve({ loaded: given, ...options }: ServeOptions): Promise<void> {
  const read = canBeReadAgain(given) ? options.read : undefined;
  const reading = read && readWithFiles(read, filesOf(given));
  const loaded = reading?.configuration() ?? given;
  let running: Running = { loaded, tls: readAllTls(loaded) };
  const { listen } = loaded.configuration;
  let state: ProcessFacts['state'] = 'starting';
  let serving: Generations | undefined;
  const ready = () => state === 'ready';
  const gateways = Object.keys(loaded.configuration.gateways);
  const metrics = createMetrics({ gateways, isReady: ready });
  const records = openRecords(loaded);
  const { log: logSettings, traces: traceSettings } = loaded.configuration;
  const logging = createLog(logSettings, metrics.countLostLine, records?.besideLog);
  const log = logging.logger;
  outliveMistakes(log);
  const audit = records?.open(log);
  const reloader = read && createReloader({ read, now: Date.now, log });
  // Also where there is nothing to do: else the signal would end the process.
  process.on('SIGHUP', () => {
    audit?.reopen();
    reloader?.signal();
  });
  const traces = await openTraces(traceSettings, log);
  const waitingFor = () => (state === 'starting' ? wait.reason() : undefined);
  const facts = () => {
    const { file } = running.loaded;
    return { state, file, serving, waitingFor: waitingFor(), reloads: reloader?.status() };
  };
  const health = createHealthListener({
    // A process that waits for its keys is not to be started again: that would not bring them.
    started: () => state !== 'starting' || wait.reason() !== undefined,
    ready,
    waitingFor,
    describe: () => describeProcess(facts()),
  });
  const ops = overHttp(
    'ops',
    listen.ops,
    createListener(createOpsListener(metrics, health), listen.ops),
  );
  const stopped = nextSignal();
  const wait = createStartWait({ log, openProbes: ops.open, stopped });
  const build = createBuilder({ logging, metrics, record: audit?.record, traces, wait });
  const service = await wait
    .during(() => build(loaded))
    .catch(async (error: unknown) => {
      await ops.close(0);
      throw error;
    });
  if (service === undefined) {
    await ops.close(0);
    return log.info({}, 'stopped');
  }

  const generations = createGenerations(service, systemTimers);
  serving = generations;
  const listeners = [
    ops,
    ...(await createServiceListeners(listen, generations, { isServing: ready, traces })),
  ];
  metrics.observe(() => ({
    ...generations.current().sources,
    audit: audit?.status,
    spans: traces?.counts,
    certificates: readCertificates(running.tls),
    configuration: describeConfiguration(generations.number(), reloader?.status()),
  }));
  await openAll(listeners, log);
  await service.start();
  state = 'ready';
  log.info({ kid: service.keys.ring.signer.kid, issuer: loaded.configuration.issuer }, 'ready');

  const takeOver = createTakeOver({
    ...{ running: () => running, build, generations, listeners },
    isStopping: () => state === 'stopping',
    onTakeOver(next) {
      running = next;
      log.level = next.loaded.configuration.log.level;
    },
  });
  if (reading) reloader?.start(takeOver, reading);

  const signal = await stopped;
  state = 'stopping';
  const { drain } = running.loaded.configuration;
  log.info({ signal, drain_ms: drain }, 'stopping');
  await Promise.all([reloader?.close(), closeAfter(drain, { listeners, traces })]);
  await generations.close();
  audit?.close();
  log.info({}, 'stopped');
}

/** Those that answer with whatever configuration is current. */
async function createServiceListeners(
  { auth, grpc, public: open }: Configuration['listen'],
  generations: Generations,
  { isServing, traces }: { readonly isServing: () => boolean; readonly traces: Traces | undefined },
): Promise<readonly Listener[]> {
  const traced = traces?.listener(generations.auth) ?? generations.auth;
  return [
    overHttp('public', open, createListener(generations.public, open)),
    overHttp('auth', auth, createGatewayListener(traced, auth)),
    ...(grpc ? [await overGrpc(grpc, { check: generations.check, isServing, traces })] : []),
  ];
}

const startedAt = Date.now();

function describeConfiguration(
  generation: number,
  reloads: ReloadStatus | undefined,
): MetricSources['configuration'] {
  const { appliedAt, last } = reloads ?? { appliedAt: startedAt, last: undefined };
  return { generation, appliedAt, isCurrent: last === undefined || last.result === 'applied' };
}

function outliveMistakes(log: Log['logger']): void {
  // A promise that nobody awaits is a mistake of ours, and no reason to turn every caller away.
  process.on('unhandledRejection', (error) => log.error(describeError(error), 'not awaited'));
  // After an exception nothing is known to hold any more; and Node would print its message, which
  // may quote a credential.
  process.on('uncaughtException', (error) => {
    log.fatal(describeError(error), 'not caught');
    process.exit(1);
  });
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

async function closeAfter(
  drain: number,
  {
    listeners,
    traces,
  }: { readonly listeners: readonly Listener[]; readonly traces: Traces | undefined },
): Promise<void> {
  for (const listener of listeners) listener.drain();
  await new Promise((resolve) => setTimeout(resolve, drain));
  const closing = Date.now();
  await Promise.all(listeners.map((listener) => listener.close(drain)));
  await traces?.close(Math.max(0, closing + drain - Date.now()));
}

/** Loaded when asked for: OpenTelemetry is large, and most services write no traces. */
async function openTraces(
  settings: Configuration['traces'],
  log: Log['logger'],
): Promise<Traces | undefined> {
  if (settings === undefined) return undefined;
  return (await import('./ops/traces/open-traces.ts')).openTraces(settings, log);
}
