import { describe, expect, it } from '@jest/globals';
import {
  costOf,
  holds,
  median,
  percentile,
  ratioOf,
  type Sample,
  slope,
} from '../../../bench/figures.ts';

const sample = (cpuMicros: number, more: Partial<Sample> = {}): Sample => ({
  requests: 100,
  seconds: 2,
  cpuMicros,
  p50: 1,
  p99: 5,
  ...more,
});

describe('the cost of a request', () => {
  it('is the median of the samples, each by its own requests', () => {
    const samples = [sample(2000), sample(9000), sample(6000, { requests: 200, p99: 7 })];
    expect(costOf(samples)).toEqual({ micros: 30, perSecond: 50, p50: 1, p99: 5 });
  });

  it('is related to the sample of the floor that was taken just before', () => {
    const quiet = { service: sample(3000), floor: sample(2000) };
    const busy = { service: sample(6600), floor: sample(4400) };
    const spoilt = { service: sample(9000), floor: sample(2000) };
    const all = [quiet, spoilt, busy];
    const ratio = ratioOf(
      all.map(({ service }) => service),
      all.map(({ floor }) => floor),
    );
    expect(ratio).toBeCloseTo(1.5);
  });
});

describe('a bound', () => {
  const measured = { service: 28, floor: 20, ratio: 1.4, peak: 130 };

  it('of a ratio is kept where it is reached', () => {
    expect(holds({ kind: 'ratio', max: 1.4 }, measured)).toBe(true);
    expect(holds({ kind: 'ratio', max: 1.39 }, measured)).toBe(false);
  });

  it('of growth is kept when the share or the time is small enough', () => {
    const growth = { kind: 'growth', percent: 10, micros: 2 } as const;
    expect(holds(growth, { ...measured, service: 21.9, ratio: 1.5 })).toBe(true);
    expect(holds(growth, { ...measured, service: 210, floor: 200, ratio: 1.05 })).toBe(true);
    expect(holds(growth, { ...measured, service: 22, ratio: 1.1 })).toBe(false);
  });

  it('of memory is the most there ever was', () => {
    expect(holds({ kind: 'memory', mib: 130 }, measured)).toBe(true);
    expect(holds({ kind: 'memory', mib: 129 }, measured)).toBe(false);
  });
});

describe('the statistics', () => {
  it('find the middle, also between two', () => {
    expect(median([30, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(() => median([])).toThrow('nothing');
  });

  it('find what all but a share of the values stay under', () => {
    const upTo = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(percentile(upTo, 0.5)).toBe(100);
    expect(percentile(upTo, 0.99)).toBe(198);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it('find by how much a value grows', () => {
    const points = [0, 1, 2, 3].map((x) => ({ x, y: 100 + 2.5 * x + (x % 2) }));
    expect(slope(points)).toBeCloseTo(2.7);
    expect(() => slope([{ x: 1, y: 1 }])).toThrow('one point');
  });
});
