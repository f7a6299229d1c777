import { addKey, type StoredKey } from './directory-store.ts';
import { readPrivateKey } from './jwk-file.ts';
import { readPkcs12 } from './pkcs12.ts';
import { acceptPrivateKey, type PrivateKey } from './private-key.ts';
import type { SigningAlgorithm } from './signer.ts';

export interface KeyImport {
  readonly directory: string;
  /** PKCS#12, a JWK or PEM. */
  readonly contents: Uint8Array;
  /** For PKCS#12; empty when it has none. */
  readonly password: string;
  /** For a key that names no algorithm, if it fits. */
  readonly algorithm: SigningAlgorithm | undefined;
  /** Milliseconds since the epoch. */
  readonly importedAt: number;
}

/**
 * Puts a key into the key directory as the newest.
 *
 * @throws KeyError
 */
export async function importKey(settings: KeyImport): Promise<StoredKey> {
  return addKey(settings.directory, readImportedKey(settings), settings.importedAt);
}

const derSequence = 0x30;

function readImportedKey({ contents, password, algorithm }: KeyImport): PrivateKey {
  if (contents[0] !== derSequence) {
    return readPrivateKey(Buffer.from(contents).toString('utf8'), algorithm);
  }
  const key = readPkcs12(contents, password);
  return acceptPrivateKey({ key, alg: undefined, configured: algorithm, kid: undefined });
}
