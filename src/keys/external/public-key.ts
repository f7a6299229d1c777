import type { KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { KeyError } from '../key-error.ts';
import type { VerificationKey } from '../key-ring.ts';
import { isGuessable } from '../known-keys.ts';
import { checkStrength, chooseAlgorithm } from '../private-key.ts';
import { publicJwk, thumbprint } from '../public-jwk.ts';
import type { SigningAlgorithm } from '../signer.ts';

/** The public half of a key that lies outside this process; its name is its RFC 7638 thumbprint. */
export interface ExternalPublicKey extends VerificationKey {
  readonly kid: string;
}

/**
 * Decides a key's algorithm, and refuses a key that is no good for signing.
 *
 * @param configured the algorithm that is used if it fits
 * @throws KeyError
 */
export function acceptPublicKey(key: KeyObject, configured: SigningAlgorithm): ExternalPublicKey {
  const alg = chooseAlgorithm(key, configured);
  checkStrength(key);
  if (isGuessable(key)) throw new KeyError('The key is a published example');
  return { kid: thumbprint(key), alg, key };
}

/** What the JWKS shows. */
export function publishedJwks(keys: readonly ExternalPublicKey[]): JWK[] {
  return keys.map(({ kid, alg, key }) => ({ ...publicJwk(key), kid, alg, use: 'sig' }));
}
