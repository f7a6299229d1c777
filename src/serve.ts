import { createBuilder, logKeyEvent } from './build-service.ts';
import type { LoadedConfiguration } from './config/load.ts';
import type { Configuration } from './config/schema/configuration.ts';
import { systemTimers } from './issuers/timers.ts';
import { createListener } from './listen.ts';
import { readAllTls } from './listen-tls.ts';
import { createDecisionListeners, type Listener, openAll, overHttp } from './listeners.ts';
import { openReporting, type Reporting } from './open-reporting.ts';
import { readCertificates } from './ops/certificates.ts';
import { createHealthListener } from './ops/health.ts';
import { createOpsListener } from './ops/listener.ts';
import { mergeMetrics } from './ops/metrics/merge.ts';
import type { MetricSources } from './ops/metrics.ts';
import type { Traces } from './ops/traces/open-traces.ts';
import { describeProcess, type ProcessFacts } from './reload/describe-process.ts';
import { createGenerations, type Generations } from './reload/generations.ts';
import { canBeReadAgain, filesOf, readWithFiles } from './reload/read-with-files.ts';
import { createReloader, type Reloader, type ReloadStatus } from './reload/reloader.ts';
import { createTakeOver, type Running, servedBy } from './reload/take-over.ts';
import { createStartWait } from './start-wait.ts';
import { openRevocations } from './state/open-revocations.ts';
import { type Crew, createCrew } from './workers/crew.ts';
import { tellRevoked } from './workers/tell-revoked.ts';

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
  const course: Course = {
    running: { loaded, tls: readAllTls(loaded) },
    state: 'starting',
    generations: undefined,
  };
  const reporting = await openReporting(loaded, () => course.state === 'ready');
  const { log, audit } = reporting;
  const crew = createCrewFor(loaded.configuration, reporting, course);
  const reloader = read && createReloader({ read, now: Date.now, log });
  // Also where there is nothing to do: else the signal would end the process.
  process.on('SIGHUP', () => {
    audit?.reopen();
    crew?.reopenAudit();
    reloader?.signal();
  });
  const parts: Parts = { course, reporting, crew, reloader };
  const ops = createOps(parts, () => wait.reason());
  const stopped = nextSignal();
  const wait = createStartWait({ log, openProbes: ops.open, stopped });
  const build = createBuilder({
    ...{ ...reporting, wait, record: audit?.record },
    onKeyEvent: (event) => logKeyEvent(log, event),
    openRevocations: async (...settings) => {
      const revocations = await openRevocations(...settings);
      return crew === undefined ? revocations : tellRevoked(revocations, crew.tellRevoked);
    },
  });
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
  course.generations = generations;
  const listeners = [ops, ...(await createListeners(parts, generations))];
  observe(parts, generations);
  if (!(await openUnlessStopped(listeners, parts, stopped))) return log.info({}, 'stopped');
  await service.start();
  course.state = 'ready';
  const { issuer } = loaded.configuration;
  log.info({ kid: service.keys.ring.signer.kid, issuer }, 'ready');
  if (reading)
    reloader?.start(createTakeOver({ ...parts, build, generations, listeners }), reading);
  await closeInTime(await stopped, parts, listeners);
  await generations.close();
  audit?.close();
  log.info({}, 'stopped');
}

/** How far the process is, and with what. */
interface Course {
  running: Running;
  state: ProcessFacts['state'];
  /** Undefined until there is a service. */
  generations: Generations | undefined;
}

interface Parts {
  readonly course: Course;
  readonly reporting: Reporting;
  /** Undefined where this process decides by itself. */
  readonly crew: Crew | undefined;
  /** Undefined for a configuration that cannot be read again. */
  readonly reloader: Reloader | undefined;
}

function createCrewFor(
  { workers, listen }: Configuration,
  { logging, log }: Reporting,
  course: Course,
): Crew | undefined {
  if (workers === 1) return undefined;
  const addresses = [listen.auth, ...(listen.grpc ? [listen.grpc] : [])];
  const current = () => {
    if (course.generations === undefined) throw new Error('workers need a service beside them');
    return servedBy({ loaded: course.running.loaded, service: course.generations.current() });
  };
  return createCrew({ count: workers, addresses, current, writeLine: logging.writeLine, log });
}

function createOps(
  { course, reporting, crew, reloader }: Parts,
  waitReason: () => string | undefined,
): Listener {
  const { metrics } = reporting;
  const waitingFor = () => (course.state === 'starting' ? waitReason() : undefined);
  const health = createHealthListener({
    // A process that waits for its keys is not to be started again: that would not bring them.
    started: () => course.state !== 'starting' || waitReason() !== undefined,
    ready: () => course.state === 'ready' && crew?.status().serving !== 0,
    waitingFor,
    describe: () =>
      describeProcess({
        ...{ state: course.state, file: course.running.loaded.file, waitingFor: waitingFor() },
        ...{ serving: course.generations, reloads: reloader?.status(), workers: crew?.status() },
      }),
  });
  const readMetrics = async () =>
    crew === undefined
      ? metrics.read()
      : mergeMetrics([await metrics.read(), ...(await crew.readMetrics())]);
  const { ops } = course.running.loaded.configuration.listen;
  return overHttp('ops', ops, createListener(createOpsListener(readMetrics, health), ops));
}

/** Those that answer with whatever configuration is current. */
async function createListeners(
  { course, reporting, crew }: Parts,
  generations: Generations,
): Promise<readonly Listener[]> {
  const { listen } = course.running.loaded.configuration;
  const settings = { isServing: () => course.state === 'ready', traces: reporting.traces };
  return [
    overHttp('public', listen.public, createListener(generations.public, listen.public)),
    ...(crew ? [crew] : await createDecisionListeners(listen, generations, settings)),
  ];
}

function observe({ course, reporting, crew, reloader }: Parts, generations: Generations): void {
  const { metrics, audit, traces } = reporting;
  metrics.observe(() => ({
    ...generations.current().sources,
    audit: audit?.status,
    spans: traces?.counts,
    certificates: readCertificates(course.running.tls),
    configuration: describeConfiguration(generations.number(), reloader?.status()),
    workers: crew?.status,
  }));
}

/** Workers take a moment to start. @returns whether nobody has said meanwhile that they should not */
async function openUnlessStopped(
  listeners: readonly Listener[],
  { course, reporting, crew }: Parts,
  stopped: Promise<unknown>,
): Promise<boolean> {
  void stopped.then(() => {
    if (course.state !== 'starting') return;
    course.state = 'stopping';
    void crew?.close(0);
  });
  try {
    await openAll(listeners, reporting.log);
    return true;
  } catch (error) {
    if (course.state === 'stopping') return false;
    throw error;
  }
}

async function closeInTime(
  signal: NodeJS.Signals,
  { course, reporting, reloader }: Parts,
  listeners: readonly Listener[],
): Promise<void> {
  course.state = 'stopping';
  const { log, traces } = reporting;
  const { drain } = course.running.loaded.configuration;
  log.info({ signal, drain_ms: drain }, 'stopping');
  await Promise.all([reloader?.close(), closeAfter(drain, { listeners, traces })]);
}

const startedAt = Date.now();

function describeConfiguration(
  generation: number,
  reloads: ReloadStatus | undefined,
): MetricSources['configuration'] {
  const { appliedAt, last } = reloads ?? { appliedAt: startedAt, last: undefined };
  return { generation, appliedAt, isCurrent: last === undefined || last.result === 'applied' };
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
