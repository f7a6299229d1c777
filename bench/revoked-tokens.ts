import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openLmdbRevocations } from '../src/state/lmdb-revocations.ts';

const atOnce = 20_000;

/** Revokes so many tokens in the state that a service below the directory is going to open. */
export async function revokeTokens(directory: string, count: number): Promise<void> {
  const rules = { tokensCarrySubject: true, clockSkew: 0 };
  const deps = { now: Date.now, log: { warn: () => {} } };
  const revocations = await openLmdbRevocations(join(directory, 'data/state'), rules, deps);
  const until = Math.floor(Date.now() / 1000) + 86_400;
  for (let done = 0; done < count; done += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, count - done) }, () =>
      revocations.revoke({ kind: 'token', jti: randomUUID(), until }),
    );
    await Promise.all(some);
  }
  await revocations.close();
}
