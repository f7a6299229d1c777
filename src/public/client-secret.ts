import { createHash, timingSafeEqual } from 'node:crypto';
import { createDummyHash } from '../exchange/credentials/basic/password-hash.ts';
import type { Client } from './client-authentication.ts';

/** Checks an argon2 or bcrypt hash; bounds how many are checked at a time. */
export type VerifyPassword = (hash: string, password: string) => Promise<boolean | 'overloaded'>;

export interface SecretCheckDeps {
  readonly clients: readonly Client[];
  readonly verifyPassword: VerifyPassword;
}

/** @param mayBeSlow false: no slow hash is checked, and who would need one is wrong */
export type CheckSecret = (
  client: Client | undefined,
  secret: string,
  mayBeSlow: boolean,
) => Promise<boolean | 'overloaded'>;

/**
 * Every failure costs the same: where some client has a slow hash, one is checked for names that do
 * not exist and for wrong generated secrets too, or the time would tell which is which.
 *
 * @throws TypeError for a client whose `secretSha256` is not one
 */
export function createSecretCheck({ clients, verifyPassword }: SecretCheckDeps): CheckSecret {
  const digests = new Map(clients.map((client) => [client.id, readDigest(client)]));
  const dummyHash = createDummyHash(clients.flatMap(({ secretHash }) => secretHash ?? []));

  return async (client, secret, mayBeSlow) => {
    const digest = createHash('sha256').update(secret).digest();
    const expected = client && digests.get(client.id);
    if (timingSafeEqual(digest, expected ?? nobodysDigest) && expected !== undefined) return true;
    const hash = client?.secretHash ?? dummyHash;
    if (hash === undefined || !mayBeSlow) return false;
    const correct = await verifyPassword(hash, secret);
    return correct === 'overloaded' ? correct : correct && hash === client?.secretHash;
  };
}

const nobodysDigest = Buffer.alloc(32);

function readDigest({ id, secretSha256 }: Client): Buffer | undefined {
  if (secretSha256 === undefined) return undefined;
  const digest = Buffer.from(secretSha256, 'hex');
  if (digest.length === 32) return digest;
  throw new TypeError(`The SHA-256 of client "${id}" is not 64 hex digits`);
}
