import { existsSync } from 'node:fs';
import type { LmdbRevocationsDeps } from './lmdb-revocations.ts';
import { createMemoryRevocations } from './memory-revocations.ts';
import type { Revocations } from './revocations.ts';
import type { RuleTableSettings } from './rule-table.ts';

export interface StateSettings {
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
  { directory, needed }: StateSettings,
  rules: RuleTableSettings,
  deps: LmdbRevocationsDeps,
): Promise<Revocations> {
  if (!needed && !existsSync(directory)) return createMemoryRevocations(rules);
  // Loaded when asked for: it is native code.
  const { openLmdbRevocations } = await import('./lmdb-revocations.ts');
  return openLmdbRevocations(directory, rules, deps);
}
