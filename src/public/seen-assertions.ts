import { createHash } from 'node:crypto';

/** Which assertions were used already, so that none is used twice (RFC 7523 §3). */
export interface SeenAssertions {
  /**
   * @param exp NumericDate (seconds) until which the assertion is to be remembered
   * @returns `full` when this client has too many that have not ended yet; that one is not remembered
   */
  remember(client: string, jti: string, exp: number): 'new' | 'seen' | 'full';
}

interface Memory {
  /** Ends (ms) by the hash of `jti`. */
  readonly ends: Map<string, number>;
  sweptAt: number;
}

/** Sweeping takes a while where much is remembered. */
const sweepEveryMs = 1_000;

/**
 * Each client has room of its own, so that none can use up another's.
 *
 * @param now milliseconds since the epoch
 */
export function createSeenAssertions({
  now,
  maxPerClient = 50_000,
}: {
  readonly now: () => number;
  readonly maxPerClient?: number;
}): SeenAssertions {
  const memories = new Map<string, Memory>();

  function sweep(memory: Memory): void {
    const at = now();
    if (Math.abs(at - memory.sweptAt) < sweepEveryMs) return;
    memory.sweptAt = at;
    for (const [jti, end] of memory.ends) if (end <= at) memory.ends.delete(jti);
  }

  return {
    remember(client, jti, exp) {
      const memory = memories.get(client) ?? { ends: new Map(), sweptAt: Number.NEGATIVE_INFINITY };
      memories.set(client, memory);
      const id = createHash('sha256').update(jti).digest('base64url');
      const end = memory.ends.get(id);
      if (end !== undefined && end > now()) return 'seen';
      if (memory.ends.size >= maxPerClient) sweep(memory);
      if (memory.ends.size >= maxPerClient) return 'full';
      memory.ends.set(id, exp * 1000);
      return 'new';
    },
  };
}
