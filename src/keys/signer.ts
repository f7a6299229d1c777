import { createHmac, type KeyObject, sign } from 'node:crypto';
import {
  type SignatureScheme,
  schemeFits,
  signatureScheme,
} from '../exchange/signature-schemes.ts';
import { SignerOverloaded } from '../exchange/signer-unavailable.ts';
import { createSignatureTurns } from '../exchange/thread-pool.ts';
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
  return { alg, kid, ...createSign(alg, key) };
}

/** @returns whether the key's type, and for EC its curve, are the algorithm's (RFC 7518 §3.1) */
export function algorithmFits(alg: SigningAlgorithm, key: KeyObject): boolean {
  const scheme = signatureScheme(alg);
  return scheme === undefined ? key.type === 'secret' : schemeFits(scheme, key);
}

/** @returns the bytes of the algorithm's hash, the least an HMAC key may have (RFC 7518 §3.2) */
export function hashLength(alg: SigningAlgorithm): number {
  return Number(alg.slice(2)) / 8;
}

export function isSigningAlgorithm(name: unknown): name is SigningAlgorithm {
  return (signingAlgorithms as readonly unknown[]).includes(name);
}

type Sign = Pick<Signer, 'sign' | 'isFull'>;

function createSign(alg: SigningAlgorithm, key: KeyObject): Sign {
  const scheme = signatureScheme(alg);
  if (scheme === undefined) {
    const hash = `sha${alg.slice(2)}`;
    return { sign: (input) => createHmac(hash, key).update(input, 'ascii').digest('base64url') };
  }
  // A quick signature costs less than the way to the thread pool and back.
  return scheme.slow || scheme.keyType === 'rsa'
    ? signOnThreadPool(scheme, key)
    : signAtOnce(scheme, key);
}

function signAtOnce({ hash, options }: SignatureScheme, key: KeyObject): Sign {
  const how = { key, ...options };
  return { sign: (input) => sign(hash, ascii(input), how).toString('base64url') };
}

function signOnThreadPool({ hash, options }: SignatureScheme, key: KeyObject): Sign {
  const how = { key, ...options };
  const turns = createSignatureTurns();
  const signInTurn = (input: string) =>
    new Promise<string>((resolve, reject) => {
      sign(hash, ascii(input), how, (error, signature) => {
        if (error) reject(error);
        else resolve(signature.toString('base64url'));
      });
    });
  return {
    isFull: turns.isFull,
    async sign(input) {
      if (turns.isFull()) throw new SignerOverloaded();
      return turns.take(() => signInTurn(input));
    },
  };
}

function ascii(input: string): Buffer {
  return Buffer.from(input, 'ascii');
}
