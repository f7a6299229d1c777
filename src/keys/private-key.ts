import { createPublicKey, type KeyObject, randomUUID, sign, verify } from 'node:crypto';
import { KeyError } from './key-error.ts';
import { isGuessable } from './known-keys.ts';
import { thumbprint } from './public-jwk.ts';
import { algorithmFits, hashLength, type SigningAlgorithm, signingAlgorithms } from './signer.ts';

/** A key that was checked: one key has one algorithm. */
export interface PrivateKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly key: KeyObject;
}

export interface PrivateKeyCandidate {
  /** A private or a secret key. */
  readonly key: KeyObject;
  /** What the key says of itself; undefined when it says nothing. */
  readonly alg: SigningAlgorithm | undefined;
  /** The algorithm that is used when the key names none and it fits. */
  readonly configured: SigningAlgorithm | undefined;
  readonly kid: string | undefined;
}

/**
 * Decides a key's algorithm and name, and refuses a key that is no good for signing.
 *
 * The name is the key's own, else its RFC 7638 thumbprint. An HMAC key without a name gets a random
 * one, because a hash of the secret would let anybody test guesses.
 *
 * @throws KeyError
 */
export function acceptPrivateKey({ key, alg, configured, kid }: PrivateKeyCandidate): PrivateKey {
  const decided = alg ?? chooseAlgorithm(key, configured);
  if (!algorithmFits(decided, key)) {
    throw new KeyError(
      `The key is ${describeKey(key)}, which does not fit its algorithm ${decided}`,
    );
  }
  if (isGuessable(key)) throw new KeyError('The key is a published example or a pattern');
  if (key.type === 'secret') checkSecret(key, decided);
  else checkPair(key);
  return {
    kid: kid ?? (key.type === 'secret' ? randomUUID() : thumbprint(key)),
    alg: decided,
    key,
  };
}

/** In this order the first fit is the usual algorithm of a key type. */
const usualAlgorithms = signingAlgorithms.filter((alg) => !alg.startsWith('HS'));

/** @returns the configured algorithm if it fits the key, else the usual one; throws KeyError */
export function chooseAlgorithm(
  key: KeyObject,
  configured: SigningAlgorithm | undefined,
): SigningAlgorithm {
  if (configured !== undefined && algorithmFits(configured, key)) return configured;
  const usual = usualAlgorithms.find((alg) => algorithmFits(alg, key));
  if (usual !== undefined) return usual;
  if (key.type === 'secret') {
    throw new KeyError('An HMAC key needs "alg": "HS256" or "HS512", in the JWK or configured');
  }
  throw new KeyError(`The key is ${describeKey(key)}; use RSA, P-256, P-384, P-521 or Ed25519`);
}

function describeKey(key: KeyObject): string {
  if (key.type === 'secret') return 'an HMAC secret';
  return `of type ${key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType}`;
}

function checkSecret(key: KeyObject, alg: SigningAlgorithm): void {
  if ((key.symmetricKeySize ?? 0) >= hashLength(alg)) return;
  throw new KeyError(
    `The HMAC key has ${key.symmetricKeySize} bytes; ${alg} needs at least ${hashLength(alg)} (RFC 7518 §3.2)`,
  );
}

const leastRsaBits = 2048; // RFC 7518 §3.3
const mostRsaBits = 8192;

function checkPair(key: KeyObject): void {
  checkStrength(key);
  if (!signsForItself(key)) throw new KeyError('The public and private parts are not of one key');
}

/**
 * @param key an asymmetric key, private or public
 * @throws KeyError when it is an RSA key that is too short, too long, or of no use
 */
export function checkStrength(key: KeyObject): void {
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (
    modulusLength !== undefined &&
    (modulusLength < leastRsaBits || modulusLength > mostRsaBits)
  ) {
    throw new KeyError(
      `The RSA key has ${modulusLength} bits; use ${leastRsaBits} to ${mostRsaBits} (RFC 7518 §3.3)`,
    );
  }
  if (publicExponent !== undefined && isUnusable(publicExponent)) {
    throw new KeyError('The RSA key has an unusable public exponent');
  }
}

/** With 1 every message is its own signature; beyond 64 bits verifiers refuse or take long. */
function isUnusable(publicExponent: bigint): boolean {
  return publicExponent < 3n || publicExponent % 2n === 0n || publicExponent >= 2n ** 64n;
}

/** OpenSSL takes parts of two keys without a word; what they sign would verify nowhere. */
function signsForItself(key: KeyObject): boolean {
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const probe = Buffer.from('probe');
  try {
    return verify(hash, probe, createPublicKey(key), sign(hash, probe, key));
  } catch {
    return false;
  }
}
