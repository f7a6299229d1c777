import { LRUCache } from 'lru-cache';

/** So many in a period, all at once if need be. */
export interface Rate {
  readonly count: number;
  /** Milliseconds. */
  readonly per: number;
}

export interface RateLimiter {
  /** Spends one. @returns 0; or the milliseconds until there is one, and then nothing was spent */
  take(key: string, rate: Rate): number;
  /** As `take`, and spends nothing. */
  wait(key: string, rate: Rate): number;
}

interface Bucket {
  readonly left: number;
  /** Milliseconds since the epoch at which that much was left. */
  readonly at: number;
}

/**
 * Token buckets by key. Of more than `maxKeys`, the one that was not asked for longest is full again.
 *
 * @param now milliseconds since the epoch
 */
export function createRateLimiter({
  now,
  maxKeys,
}: {
  readonly now: () => number;
  readonly maxKeys: number;
}): RateLimiter {
  const buckets = new LRUCache<string, Bucket>({ max: maxKeys });

  function refill(key: string, { count, per }: Rate): Bucket {
    const at = now();
    const bucket = buckets.get(key) ?? { left: count, at };
    // A clock that was set back refills nothing, and holds nothing up.
    const gained = (Math.max(0, at - bucket.at) * count) / per;
    return { left: Math.min(count, bucket.left + gained), at };
  }

  function spend(key: string, rate: Rate, price: number): number {
    const { left, at } = refill(key, rate);
    const missing = Math.max(0, 1 - left);
    buckets.set(key, { left: missing > 0 ? left : left - price, at });
    return Math.ceil((missing * rate.per) / rate.count);
  }

  return {
    take: (key, rate) => spend(key, rate, 1),
    wait: (key, rate) => spend(key, rate, 0),
  };
}
