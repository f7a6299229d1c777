import { existsSync } from 'node:fs';
import { createMemoryRevocations } from './memory-revocations.ts';
import type { RedisRevocationsDeps, RedisRevocationsSettings } from './redis-revocations.ts';
import type { Revocations } from './revocations.ts';
import type { RuleTableSettings } from './rule-table.ts';

export interface StateSettings {
  /** In place of the directory, for several replicas. */
  readonly shared: RedisRevocationsSettings | undefined;
  readonly directory: string;
  /** Somebody may revoke. */
  readonly needed: boolean;
}

/**
 * Opens what was revoked. Where nobody may revoke, and nobody has, nothing is made: such a service
 * may have no place to write.
 *
 * @throws StateError
 */
export async function openRevocations(
  { directory, needed, shared }: StateSettings,
  rules: RuleTableSettings,
  deps: RedisRevocationsDeps,
): Promise<Revocations> {
  if (shared !== undefined) {
    const { openRedisRevocations } = await import('./redis-revocations.ts');
    return openRedisRevocations(shared, rules, deps);
  }
  if (!needed && !existsSync(directory)) return createMemoryRevocations(rules);
  // Loaded when asked for: it is native code.
  const { openLmdbRevocations } = await import('./lmdb-revocations.ts');
  return openLmdbRevocations(directory, rules, deps);
}
