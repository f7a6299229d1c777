import { readPrivateKey } from './jwk-file.ts';
import { KeyError } from './key-error.ts';
import { readPkcs12 } from './pkcs12.ts';
import { acceptPrivateKey, type PrivateKey } from './private-key.ts';
import type { RingStore } from './ring-store.ts';
import { firstRing, type Ring, type RotationPolicy, stage } from './rotation.ts';
import type { SigningAlgorithm } from './signer.ts';

export interface KeyImport {
  /** PKCS#12, a JWK or PEM. */
  readonly contents: Uint8Array;
  /** For PKCS#12; empty when it has none. */
  readonly password: string;
  /** For a key that names no algorithm, if it fits. */
  readonly algorithm: SigningAlgorithm | undefined;
}

const derSequence = 0x30;

/** @throws KeyError when it is not one private key, fit for signing */
export function readImportedKey({ contents, password, algorithm }: KeyImport): PrivateKey {
  if (contents[0] !== derSequence) {
    return readPrivateKey(Buffer.from(contents).toString('utf8'), algorithm);
  }
  const key = readPkcs12(contents, password);
  return acceptPrivateKey({ key, alg: undefined, configured: algorithm, kid: undefined });
}

/**
 * Publishes a key; it signs when its time has come, or at once where there is no other.
 *
 * @returns the ring that has it
 * @throws KeyError when the ring has a key of that name, or cannot be kept
 */
export async function addKey(
  store: RingStore,
  key: PrivateKey,
  policy: RotationPolicy,
  now: number,
): Promise<Ring> {
  return changeRing(store, (ring) => {
    if (ring === undefined) return firstRing(key, policy, now);
    if (ring.keys.some(({ kid }) => kid === key.kid)) {
      throw new KeyError(`There is a key "${key.kid}" already`);
    }
    return stage(ring, key, policy, now);
  });
}

/**
 * Changes a ring that others may be changing too.
 *
 * @param change makes a ring of the stored one; asked again when somebody else was first
 * @throws KeyError
 */
export async function changeRing(
  store: RingStore,
  change: (ring: Ring | undefined) => Ring,
): Promise<Ring> {
  for (;;) {
    const ring = change(await store.read());
    if (await store.write(ring)) return ring;
  }
}
