import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import type { Signer } from '../exchange/types.ts';
import { KeyError } from './key-error.ts';
import type { PrivateKey } from './private-key.ts';
import { publicJwk } from './public-jwk.ts';
import { createSigner, type SigningAlgorithm } from './signer.ts';

export interface VerificationKey {
  readonly alg: SigningAlgorithm;
  readonly key: KeyObject;
}

/** The keys of this service: one signs, all verify. Which they are may change. */
export interface KeyRing {
  readonly signer: Signer;
  /**
   * What the JWKS shows (RFC 7517 §5): public members only, and no HMAC key at all. Another list
   * when the keys have changed.
   */
  readonly publicKeys: readonly JWK[];
  verificationKey(kid: string): VerificationKey | undefined;
  /** Lets go of what keys outside this process hold open. */
  close?(): void;
}

/**
 * @param keys the first one signs; of the others the public half is enough
 * @throws KeyError when there is none, or two have one name
 */
export function createKeyRing(keys: readonly PrivateKey[]): KeyRing {
  const [signing] = keys;
  if (signing === undefined) throw new KeyError('There is no key to sign with');
  const byKid = new Map(keys.map((key) => [key.kid, verificationKeyOf(key)]));
  if (byKid.size < keys.length) throw new KeyError('Two keys have the same "kid"');
  return {
    signer: createSigner(signing),
    publicKeys: keys.filter(({ key }) => key.type !== 'secret').map(publishedJwk),
    verificationKey: (kid) => byKid.get(kid),
  };
}

/** @returns a ring that is at any time what the function returns then */
export function alwaysCurrent(current: () => KeyRing): KeyRing {
  return {
    get signer() {
      return current().signer;
    },
    get publicKeys() {
      return current().publicKeys;
    },
    verificationKey: (kid) => current().verificationKey(kid),
  };
}

function verificationKeyOf({ alg, key }: PrivateKey): VerificationKey {
  return { alg, key: key.type === 'private' ? createPublicKey(key) : key };
}

function publishedJwk({ kid, alg, key }: PrivateKey): JWK {
  return { ...publicJwk(key), kid, alg, use: 'sig' };
}
