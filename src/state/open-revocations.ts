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
 * @returns where revocations are kept. Where nobody may revoke, and nobody has, nothing is made: such
 *   a service may have no place to write
 */
export function revocationPlace({
  directory,
  needed,
  shared,
}: StateSettings): 'redis' | 'directory' | 'memory' {
  if (shared !== undefined) return 'redis';
  return needed || existsSync(directory) ? 'directory' : 'memory';
}

/**
 * Opens what was revoked.
 *
 * @throws StateError
 */
export async function openRevocations(
  settings: StateSettings,
  rules: RuleTableSettings,
  deps: RedisRevocationsDeps,
): Promise<Revocations> {
  const { directory, shared } = settings;
  if (shared !== undefined) {
    const { openRedisRevocations } = await import('./redis-revocations.ts');
    return openRedisRevocations(shared, rules, deps);
  }
  if (revocationPlace(settings) === 'memory') return createMemoryRevocations(rules);
  // Loaded when asked for: it is native code.
  const { openLmdbRevocations } = await import('./lmdb-revocations.ts');
  return openLmdbRevocations(directory, rules, deps);
}
