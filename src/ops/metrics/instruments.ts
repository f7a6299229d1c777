import { type Aggregator, Counter, Gauge, type Registry } from 'prom-client';

/** Labels of one series, and what it stands at; undefined is not told. */
export type Reading = readonly [
  labels: Readonly<Record<string, string>>,
  value: number | undefined,
];

/** Metrics whose values are looked up when somebody reads them, so that they cost nothing until then. */
export interface Instruments {
  /** @param read all series of the metric as they are now; without labels, the one value */
  gauge(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Reading>,
    ofMany?: OfMany,
  ): void;
  /** The same for what only grows. */
  counter(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Reading>,
    ofMany?: OfMany,
  ): void;
}

/**
 * What the metric is of several processes that are one service. A gauge is the first one's unless it
 * says otherwise: that of the process which keeps the others; a counter is the sum.
 */
export type OfMany = Extract<Aggregator, 'first' | 'sum' | 'min' | 'max'>;

export function createInstruments(registry: Registry): Instruments {
  const registers = [registry];
  return {
    gauge(name, help, labels, read, aggregator = 'first') {
      new Gauge({
        name,
        help,
        labelNames: labels,
        registers,
        aggregator,
        collect() {
          this.reset();
          // Without labels it would stand at 0 now.
          if (labels.length === 0) this.remove();
          for (const [of, value] of read()) if (value !== undefined) this.set(of, value);
        },
      });
    },
    counter(name, help, labels, read, aggregator = 'sum') {
      new Counter({
        name,
        help,
        labelNames: labels,
        registers,
        aggregator,
        collect() {
          this.reset();
          for (const [of, value] of read()) if (value !== undefined) this.inc(of, value);
        },
      });
    },
  };
}

/** @returns the value as a metric's only series */
export function single(value: number | undefined): readonly Reading[] {
  return [[{}, value]];
}

/** @returns seconds, as Prometheus wants them; undefined for what has no end */
export function inSeconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined || !Number.isFinite(milliseconds)
    ? undefined
    : milliseconds / 1000;
}
