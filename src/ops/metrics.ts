import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Decision } from '../exchange/types.ts';
import type { IssuerKeysState } from '../issuers/issuer-keys.ts';
import type { KeyStatus } from '../keys/keeper.ts';
import type { RevocationsStatus } from '../state/revocations.ts';
import type { AuditStatus } from './audit/audit.ts';
import { observeAudit } from './metrics/audit.ts';
import { observeConfiguration } from './metrics/configuration.ts';
import { createDecisionCounts } from './metrics/decisions.ts';
import { observeFiles } from './metrics/files.ts';
import { createInstruments, type Reading, single } from './metrics/instruments.ts';
import { observeIssuers } from './metrics/issuers.ts';
import { observeKeys } from './metrics/keys.ts';
import type { MetricObject } from './metrics/merge.ts';
import { observeSpans } from './metrics/spans.ts';
import { observeState } from './metrics/state.ts';
import { observeWorkers } from './metrics/workers.ts';

/** What is looked at when metrics are read, and costs nothing until then. Times are in milliseconds. */
export interface MetricSources {
  readonly issuers: readonly { readonly issuer: string; state(): IssuerKeysState }[];
  /** Questions to introspection endpoints, and those without a clear answer. */
  readonly introspectors: readonly {
    readonly endpoint: string;
    counts(): { readonly asked: number; readonly failed: number };
  }[];
  /** The clock of `issuers`. */
  readonly now: () => number;
  /** Undefined when keys are never changed here. */
  readonly keys: () => KeyStatus | undefined;
  /** Tokens handed out again, and made. */
  readonly tokens: () => {
    readonly reused: number;
    readonly signed: number;
    readonly kept: number;
  };
  readonly revocations: () => RevocationsStatus;
  /** What the public listener answered; labels `endpoint` and `status`. */
  readonly publicCounts: {
    responses(): Iterable<Reading>;
    introspections(): { readonly active: number; readonly inactive: number };
  };
  /** Files that say who may call: why each cannot be used now, and its changes since the start. */
  readonly files: () => readonly {
    readonly file: string;
    readonly problem: string | undefined;
    readonly taken: number;
    readonly rejected: number;
  }[];
  /** Undefined when decisions are not recorded. */
  readonly audit: (() => AuditStatus) | undefined;
  /** When each certificate of a listener ends, milliseconds since the epoch. */
  readonly certificates: readonly { readonly listener: string; readonly expiresAt: number }[];
  readonly configuration: {
    /** Counts from 1. */
    readonly generation: number;
    readonly appliedAt: number;
    /** Whether the last attempt to take over another one went well, if there was one. */
    readonly isCurrent: boolean;
  };
  /** Undefined where the process decides by itself, and in workers. */
  readonly workers?:
    | (() => { readonly serving: number; readonly configured: number; readonly lost: number })
    | undefined;
  /** Undefined when there are no traces. */
  readonly spans?: (() => { readonly delivered: number; readonly dropped: number }) | undefined;
}

export interface MetricsDeps {
  /** Names in the configuration; others are told once they are counted. */
  readonly gateways: readonly string[];
  readonly isReady: () => boolean;
}

export interface Metrics {
  /** @param seconds that it took */
  countDecision(gateway: string, decision: Decision, seconds: number): void;
  /** A line of the log could not be written. */
  countLostLine(): void;
  /** @param sources what they are now; looked at once a reading */
  observe(sources: () => MetricSources): void;
  /** @returns all of them, as they are now */
  read(): Promise<readonly MetricObject[]>;
}

/**
 * No label comes from a request: gateways, kinds, reasons, issuers and files are what the configuration
 * and code name.
 */
export function createMetrics({ gateways, isReady }: MetricsDeps): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  mergeByWorst(registry);
  const instruments = createInstruments(registry);
  const decisions = createDecisionCounts(instruments, gateways);
  instruments.gauge('countersign_ready', 'Whether it should be sent requests', [], () =>
    single(isReady() ? 1 : 0),
  );
  let lostLines = 0;
  instruments.counter(
    'countersign_log_lines_lost_total',
    'Lines of the log that could not be written',
    [],
    () => single(lostLines),
  );

  return {
    countDecision: decisions.count,
    countLostLine() {
      lostLines++;
    },
    observe: observeAll,
    async read() {
      const all = await registry.getMetricsAsJSON();
      return [...(all as unknown as MetricObject[]), decisions.durations()];
    },
  };

  function observeAll(sources: () => MetricSources): void {
    observeKeys(instruments, sources);
    observeIssuers(instruments, sources);
    observeState(instruments, sources);
    observeFiles(instruments, sources);
    observeSpans(instruments, sources);
    observeConfiguration(instruments, sources);
    observeAudit(instruments, sources);
    observeWorkers(instruments, sources);
  }
}

/** Of several processes the library shows the mean, which hides one that lags, or nothing. */
function mergeByWorst(registry: Registry): void {
  for (const metric of registry.getMetricsAsArray() as unknown as {
    name: string;
    aggregator: string;
  }[]) {
    if (metric.name.startsWith('nodejs_eventloop_lag_')) metric.aggregator = 'max';
    if (metric.name === 'process_start_time_seconds') metric.aggregator = 'first';
  }
}
