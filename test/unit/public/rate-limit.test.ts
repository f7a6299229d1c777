import { describe, expect, it } from '@jest/globals';
import { createRateLimiter } from '../../../src/public/rate-limit.ts';

function limiterAt(start: number, maxKeys = 10) {
  let at = start;
  const limiter = createRateLimiter({ now: () => at, maxKeys });
  const advance = (ms: number) => {
    at += ms;
  };
  return { ...limiter, advance };
}

/** How many of so many tries in a row are let through. */
const count = (tries: number, take: () => number) =>
  Array.from({ length: tries }, take).filter((wait) => wait === 0).length;

describe('a rate limit', () => {
  const rate = { count: 100, per: 1000 };

  it('lets through its count at once, and says when there is one more', () => {
    const { take } = limiterAt(1_800_000_000_000);
    expect(count(150, () => take('a', rate))).toBe(100);
    expect(take('a', rate)).toBe(10);
  });

  it('refills evenly, and never beyond its count', () => {
    const { take, advance } = limiterAt(1_800_000_000_000);
    count(100, () => take('a', rate));
    advance(250);
    expect(count(150, () => take('a', rate))).toBe(25);
    advance(3_600_000);
    expect(count(150, () => take('a', rate))).toBe(100);
  });

  it('lets through its rate in the long run, however it is asked', () => {
    const { take, advance } = limiterAt(1_800_000_000_123);
    let through = count(100, () => take('a', rate));
    for (let ms = 0; ms < 10_000; ms += 3) {
      advance(3);
      through += count(2, () => take('a', rate));
    }
    expect(through).toBeGreaterThanOrEqual(1099);
    expect(through).toBeLessThanOrEqual(1101);
  });

  it('keeps what it refuses out of the count', () => {
    const { take, advance } = limiterAt(0);
    const slow = { count: 1, per: 60_000 };
    expect(take('a', slow)).toBe(0);
    expect(take('a', slow)).toBe(60_000);
    advance(59_999);
    expect(take('a', slow)).toBe(1);
    advance(1);
    expect(take('a', slow)).toBe(0);
  });

  it('looks without spending', () => {
    const { take, wait } = limiterAt(0);
    const one = { count: 1, per: 1000 };
    expect([wait('a', one), wait('a', one), take('a', one), wait('a', one)]).toEqual([
      0, 0, 0, 1000,
    ]);
  });

  it('is each key’s own', () => {
    const { take } = limiterAt(0);
    const one = { count: 1, per: 1000 };
    expect([take('a', one), take('b', one), take('a', one)]).toEqual([0, 0, 1000]);
  });

  it('holds nobody up when the clock is set back', () => {
    const { take, advance } = limiterAt(1_800_000_000_000);
    const one = { count: 1, per: 1000 };
    take('a', one);
    advance(-3_600_000);
    expect(take('a', one)).toBe(1000);
    advance(1000);
    expect(take('a', one)).toBe(0);
  });

  it('remembers so many keys and no more', () => {
    const { take } = limiterAt(0, 2);
    const one = { count: 1, per: 1000 };
    for (const key of ['a', 'b', 'c']) take(key, one);
    expect([take('c', one), take('b', one), take('a', one)]).toEqual([1000, 1000, 0]);
  });
});
