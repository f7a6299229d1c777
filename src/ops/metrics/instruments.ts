import { Counter, Gauge, type Registry } from 'prom-client';

/** Labels of one series, and what it stands at; undefined is not told. */
export type Reading = readonly [
  labels: Readonly<Record<string, string>>,
  value: number | undefined,
];

/** Metrics whose values are looked up when somebody reads them, so that they cost nothing until then. */
export interface Instruments {
  /** @param read all series of the metric as they are now; without labels, the one value */
  gauge(name: string, help: string, labels: readonly string[], read: () => Iterable<Reading>): void;
  /** The same for what only grows. */
  counter(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Reading>,
  ): void;
}

export function createInstruments(registry: Registry): Instruments {
  const registers = [registry];
  return {
    gauge(name, help, labels, read) {
      new Gauge({
        name,
        help,
        labelNames: labels,
        registers,
        collect() {
          this.reset();
          // Without labels it would stand at 0 now.
          if (labels.length === 0) this.remove();
          for (const [of, value] of read()) if (value !== undefined) this.set(of, value);
        },
      });
    },
    counter(name, help, labels, read) {
      new Counter({
        name,
        help,
        labelNames: labels,
        registers,
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
