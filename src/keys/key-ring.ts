import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import type { Signer } from '../exchange/types.ts';
import { type KeyDirectoryDeps, openKeyDirectory, readKeyDirectory } from './directory-store.ts';
import { readPrivateKey } from './jwk-file.ts';
import { KeyError } from './key-error.ts';
import { readKeyFile } from './key-file.ts';
import type { PrivateKey } from './private-key.ts';
import { publicJwk } from './public-jwk.ts';
import { createSigner, type SigningAlgorithm } from './signer.ts';

export interface VerificationKey {
  readonly alg: SigningAlgorithm;
  readonly key: KeyObject;
}

/** The keys of this service: one signs, all verify. */
export interface KeyRing {
  readonly signer: Signer;
  /** What the JWKS shows (RFC 7517 §5): public members only, and no HMAC key at all. */
  readonly publicKeys: readonly JWK[];
  verificationKey(kid: string): VerificationKey | undefined;
}

/** Where the keys are. `algorithm` is for new keys, and for keys that name none. */
export type KeySettings = { readonly algorithm: SigningAlgorithm } & (
  | { readonly directory: string }
  | { readonly privateKeyFile: string }
  | { readonly privateKey: string }
);

/**
 * Opens the keys for serving; a key directory is made, with a key in it, when there is none.
 *
 * @throws KeyError when there is no sound key
 */
export async function openKeyRing(settings: KeySettings, deps: KeyDirectoryDeps): Promise<KeyRing> {
  if (!('directory' in settings)) return readKeyRing(settings);
  return createKeyRing(await openKeyDirectory(settings.directory, settings.algorithm, deps));
}

/**
 * Reads the keys and changes nothing.
 *
 * @throws KeyError when there is no sound key
 */
export async function readKeyRing(settings: KeySettings): Promise<KeyRing> {
  if ('directory' in settings) return createKeyRing(await readKeyDirectory(settings.directory));
  if ('privateKey' in settings) {
    return createKeyRing([readPrivateKey(settings.privateKey, settings.algorithm)]);
  }
  const { contents } = await readKeyFile(settings.privateKeyFile);
  try {
    return createKeyRing([readPrivateKey(contents.toString('utf8'), settings.algorithm)]);
  } catch (error) {
    throw new KeyError(`${settings.privateKeyFile}: ${(error as Error).message}`);
  }
}

/**
 * @param privateKeys the first one signs
 * @throws KeyError when there is none, or two have one name
 */
export function createKeyRing(privateKeys: readonly PrivateKey[]): KeyRing {
  const [signing] = privateKeys;
  if (signing === undefined) throw new KeyError('There is no key to sign with');
  const byKid = new Map(privateKeys.map((key) => [key.kid, verificationKeyOf(key)]));
  if (byKid.size < privateKeys.length) throw new KeyError('Two keys have the same "kid"');
  return {
    signer: createSigner(signing),
    publicKeys: privateKeys.filter(({ key }) => key.type === 'private').map(publishedJwk),
    verificationKey: (kid) => byKid.get(kid),
  };
}

function verificationKeyOf({ alg, key }: PrivateKey): VerificationKey {
  return { alg, key: key.type === 'private' ? createPublicKey(key) : key };
}

function publishedJwk({ kid, alg, key }: PrivateKey): JWK {
  return { ...publicJwk(key), kid, alg, use: 'sig' };
}
