import type { Revocation, Revocations } from '../state/revocations.ts';

/**
 * @param tell resolves when all others know; never throws
 * @returns the same, where `revoke` also waits for workers that cannot see the store: those that
 *   follow one by themselves need not be told
 */
export function tellRevoked(
  revocations: Revocations,
  tell: (entry: Revocation) => Promise<void>,
): Revocations {
  if (revocations.status().store !== 'lmdb') return revocations;
  return {
    ...revocations,
    async revoke(entry) {
      await revocations.revoke(entry);
      await tell(entry);
    },
  };
}
