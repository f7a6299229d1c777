import type { Bound } from './workload.ts';

/** What one stretch of load showed of one process. */
export interface Sample {
  readonly requests: number;
  readonly seconds: number;
  /** Microseconds of CPU that the process used meanwhile. */
  readonly cpuMicros: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** A process under load, all samples together. */
export interface Cost {
  /** CPU time per request. */
  readonly micros: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** The median of each figure: what others do on the machine spoils single samples. */
export function costOf(samples: readonly Sample[]): Cost {
  const of = (figure: (sample: Sample) => number) => median(samples.map(figure));
  return {
    micros: of(({ cpuMicros, requests }) => cpuMicros / requests),
    perSecond: of(({ requests, seconds }) => requests / seconds),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
  };
}

/**
 * The median of the ratios of neighbours: samples of floor and service that were taken one after the
 * other met the same machine.
 */
export function ratioOf(service: readonly Sample[], floor: readonly Sample[]): number {
  const micros = ({ cpuMicros, requests }: Sample) => cpuMicros / requests;
  return median(service.map((each, at) => micros(each) / micros(floor[at] as Sample)));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('there is no median of nothing');
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** @param share of the values that are not above the result, 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.max(0, Math.ceil(share * sorted.length) - 1);
  const value = sorted[at];
  if (value === undefined) throw new Error('there is no percentile of nothing');
  return value;
}

/** @returns by how much y grows with x: least squares */
export function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [mx, my] = [mean(({ x }) => x), mean(({ y }) => y)];
  const spread = points.reduce((sum, { x }) => sum + (x - mx) ** 2, 0);
  if (spread === 0) throw new Error('there is no slope of one point');
  return points.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0) / spread;
}

export interface Measured {
  /** Microseconds. */
  readonly service: number;
  readonly floor: number;
  readonly ratio: number;
  /** MiB. */
  readonly peak: number;
}

export function holds(bound: Bound, { service, floor, ratio, peak }: Measured): boolean {
  switch (bound.kind) {
    case 'ratio':
      return ratio <= bound.max;
    case 'growth':
      return ratio < 1 + bound.percent / 100 || service - floor < bound.micros;
    case 'memory':
      return peak <= bound.mib;
  }
}
