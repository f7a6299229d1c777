import { constants, createHmac, type KeyObject, sign } from 'node:crypto';
import type { Signer } from '../exchange/types.ts';

/** JWS algorithms that Countersign signs with (RFC 7518 §3.1, RFC 9864). */
export const signingAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'Ed25519',
  'HS256',
  'HS512',
] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

export interface SignerDeps {
  readonly alg: SigningAlgorithm;
  readonly kid: string;
  readonly key: KeyObject;
}

/**
 * @returns a signer for one imported key
 * @throws TypeError when the key is of another type or curve than the algorithm's
 */
export function createSigner({ alg, kid, key }: SignerDeps): Signer {
  if (!algorithmFits(alg, key)) throw new TypeError(`The key is not one for ${alg}`);
  return { alg, kid, sign: createSign(alg, key) };
}

/** @returns whether the key's type, and for EC its curve, are the algorithm's (RFC 7518 §3.1) */
export function algorithmFits(alg: SigningAlgorithm, key: KeyObject): boolean {
  if (alg.startsWith('HS')) return key.type === 'secret';
  if (alg === 'Ed25519') return key.asymmetricKeyType === 'ed25519';
  if (alg.startsWith('ES')) return key.asymmetricKeyDetails?.namedCurve === curves[alg];
  return key.asymmetricKeyType === 'rsa';
}

/** @returns the bytes of the algorithm's hash, the least an HMAC key may have (RFC 7518 §3.2) */
export function hashLength(alg: SigningAlgorithm): number {
  return Number(alg.slice(2)) / 8;
}

export function isSigningAlgorithm(name: unknown): name is SigningAlgorithm {
  return (signingAlgorithms as readonly unknown[]).includes(name);
}

/** RFC 7518 §3.4: each ES algorithm has exactly one curve; OpenSSL's names. */
const curves: Partial<Record<SigningAlgorithm, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};

function createSign(alg: SigningAlgorithm, key: KeyObject): Signer['sign'] {
  const hash = `sha${alg.slice(2)}`;
  switch (alg) {
    case 'HS256':
    case 'HS512':
      return (input) => createHmac(hash, key).update(input, 'ascii').digest('base64url');
    // One elliptic signature costs less than the way to the thread pool and back.
    case 'Ed25519':
      return (input) => sign(null, ascii(input), key).toString('base64url');
    case 'ES256':
    case 'ES384':
    case 'ES512': {
      const signingKey = { key, dsaEncoding: 'ieee-p1363' } as const; // RFC 7518 §3.4
      return (input) => sign(hash, ascii(input), signingKey).toString('base64url');
    }
    case 'RS256':
    case 'RS384':
    case 'RS512':
      return signOnThreadPool(hash, { key, padding: constants.RSA_PKCS1_PADDING });
    case 'PS256':
    case 'PS384':
    case 'PS512':
      return signOnThreadPool(hash, {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: hashLength(alg), // RFC 7518 §3.5
      });
  }
}

interface RsaSigningKey {
  readonly key: KeyObject;
  readonly padding: number;
  readonly saltLength?: number;
}

function signOnThreadPool(hash: string, key: RsaSigningKey): Signer['sign'] {
  return (input) =>
    new Promise((resolve, reject) => {
      sign(hash, ascii(input), key, (error, signature) => {
        if (error) reject(error);
        else resolve(signature.toString('base64url'));
      });
    });
}

function ascii(input: string): Buffer {
  return Buffer.from(input, 'ascii');
}
