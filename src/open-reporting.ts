import type { LoadedConfiguration } from './config/load.ts';
import type { Configuration } from './config/schema/configuration.ts';
import { openRecords } from './open-records.ts';
import type { Audit } from './ops/audit/audit.ts';
import { createLog, describeError, type Log } from './ops/log.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import type { Traces } from './ops/traces/open-traces.ts';

/** What a process tells of itself, from its start to its end. */
export interface Reporting {
  readonly logging: Log;
  readonly log: Log['logger'];
  readonly metrics: Metrics;
  /** Undefined where decisions are not recorded. */
  readonly audit: Audit | undefined;
  readonly traces: Traces | undefined;
}

/**
 * Opens log, metrics, audit and traces, and has mistakes of ours told there.
 *
 * @throws ConfigurationError when the audit file cannot be opened
 */
export async function openReporting(
  loaded: LoadedConfiguration,
  isReady: () => boolean,
): Promise<Reporting> {
  const { gateways, log: settings, traces } = loaded.configuration;
  const metrics = createMetrics({ gateways: Object.keys(gateways), isReady });
  const records = openRecords(loaded);
  const logging = createLog(settings, metrics.countLostLine, records?.besideLog);
  const log = logging.logger;
  outliveMistakes(log);
  return {
    ...{ logging, log, metrics },
    audit: records?.open(log),
    traces: await openTraces(traces, log),
  };
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

/** Loaded when asked for: OpenTelemetry is large, and most services write no traces. */
async function openTraces(
  settings: Configuration['traces'],
  log: Log['logger'],
): Promise<Traces | undefined> {
  if (settings === undefined) return undefined;
  return (await import('./ops/traces/open-traces.ts')).openTraces(settings, log);
}
