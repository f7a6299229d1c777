import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Decision } from '../exchange/types.ts';
import type { IssuerKeysState } from '../issuers/issuer-keys.ts';
import type { KeyStatus } from '../keys/keeper.ts';

/** What is looked at when metrics are read, and costs nothing until then. Times are in milliseconds. */
export interface MetricSources {
  readonly issuers: () => readonly { readonly issuer: string; state(): IssuerKeysState }[];
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
  /** When each certificate of a listener ends, milliseconds since the epoch. */
  readonly certificates: () => readonly { readonly listener: string; readonly expiresAt: number }[];
  readonly configuration: () => {
    /** Counts from 1. */
    readonly generation: number;
    readonly appliedAt: number;
    /** Whether the last attempt to take over another one went well, if there was one. */
    readonly isCurrent: boolean;
  };
}

export interface Metrics {
  /** @param seconds that it took */
  countDecision(gateway: string, decision: Decision, seconds: number): void;
  observe(sources: MetricSources): void;
  /** @returns the text format of Prometheus, and its media type */
  read(): Promise<{ readonly type: string; readonly text: string }>;
}

/** Milliseconds to a tenth of a second for what is decided here; to seconds for what asks others. */
const buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/** No label comes from a request: gateways, kinds and reasons are what the configuration and code name. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counts = new Map<string, Map<string, number>>();
  new Counter({
    name: 'countersign_decisions_total',
    help: 'Decisions by gateway; allowed ones by kind of credential, refused ones by reason',
    labelNames: ['gateway', 'decision', 'credential', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const [gateway, byOutcome] of counts) {
        for (const [outcome, count] of byOutcome)
          this.inc({ gateway, ...labelsOf(outcome) }, count);
      }
    },
  });
  const duration = new Histogram({
    name: 'countersign_decision_duration_seconds',
    help: 'Time from the gateway’s question to the answer',
    buckets,
    registers,
  });

  return {
    countDecision(gateway, decision, seconds) {
      const outcome = decision.allowed ? `+${decision.credential}` : decision.reason;
      let byOutcome = counts.get(gateway);
      if (byOutcome === undefined) {
        byOutcome = new Map();
        counts.set(gateway, byOutcome);
      }
      byOutcome.set(outcome, (byOutcome.get(outcome) ?? 0) + 1);
      duration.observe(seconds);
    },
    observe: (sources) => observe(sources, registry),
    async read() {
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}

function labelsOf(outcome: string) {
  return outcome.startsWith('+')
    ? { decision: 'allowed', credential: outcome.slice(1), reason: '' }
    : { decision: 'refused', credential: '', reason: outcome };
}

function observe(sources: MetricSources, registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number | undefined) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const now = value();
        if (now === undefined) this.remove();
        else this.set(now);
      },
    });
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  const { tokens, keys } = sources;
  counter('countersign_tokens_reused_total', 'Tokens handed out again', () => tokens().reused);
  counter('countersign_tokens_signed_total', 'Tokens made', () => tokens().signed);
  gauge('countersign_tokens_kept', 'Tokens kept to be handed out again', () => tokens().kept);
  gauge(
    'countersign_signing_key_active_timestamp_seconds',
    'Since when the key that signs does so',
    () => seconds(keys()?.activeSince),
  );
  gauge(
    'countersign_signing_key_rotation_timestamp_seconds',
    'When another key signs; nothing when keys are changed by hand',
    () => seconds(keys()?.nextRotation),
  );
  gauge('countersign_key_store_up', 'Whether keys can be read and kept', () => {
    const status = keys();
    return status && (status.problem === undefined ? 1 : 0);
  });
  const { configuration } = sources;
  gauge(
    'countersign_config_generation',
    'Counts the configurations that served so far',
    () => configuration().generation,
  );
  gauge(
    'countersign_config_last_reload_successful',
    'Whether the last reload of the configuration went well',
    () => (configuration().isCurrent ? 1 : 0),
  );
  gauge(
    'countersign_config_last_reload_success_timestamp_seconds',
    'When the configuration that serves took over',
    () => configuration().appliedAt / 1000,
  );
  observeIssuers(sources, registers);
  observeCertificates(sources, registers);
}

function observeIssuers({ issuers, now }: MetricSources, registers: Registry[]): void {
  const each = (
    name: string,
    help: string,
    value: (state: IssuerKeysState) => number | undefined,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['issuer'],
      registers,
      collect() {
        this.reset();
        for (const { issuer, state } of issuers()) {
          const found = value(state());
          if (found !== undefined) this.set({ issuer }, found);
        }
      },
    });
  each(
    'countersign_issuer_keys',
    'Keys of an issuer that can be used',
    (state) => state.usableKeys,
  );
  new Counter({
    name: 'countersign_issuer_fetches_total',
    help: 'Fetches of an issuer’s keys that ended, well or not',
    labelNames: ['issuer'],
    registers,
    collect() {
      this.reset();
      for (const { issuer, state } of issuers()) this.inc({ issuer }, state().loads);
    },
  });
  each(
    'countersign_issuer_fetch_failures',
    'Fetches of an issuer’s keys that failed since the last good one',
    (state) => state.failures,
  );
  each(
    'countersign_issuer_keys_age_seconds',
    'Since when the keys of an issuer are there',
    (state) => (state.loadedAt === undefined ? undefined : (now() - state.loadedAt) / 1000),
  );
}

function observeCertificates({ certificates }: MetricSources, registers: Registry[]): void {
  new Gauge({
    name: 'countersign_certificate_expiry_timestamp_seconds',
    help: 'When the certificate of a listener ends',
    labelNames: ['listener'],
    registers,
    collect() {
      this.reset();
      for (const { listener, expiresAt } of certificates())
        this.set({ listener }, expiresAt / 1000);
    },
  });
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined || !Number.isFinite(milliseconds)
    ? undefined
    : milliseconds / 1000;
}
