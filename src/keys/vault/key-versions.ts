import { createPublicKey, type KeyObject } from 'node:crypto';
import { acceptPublicKey, type ExternalPublicKey } from '../external/public-key.ts';
import { KeyError } from '../key-error.ts';
import type { SigningAlgorithm } from '../signer.ts';

/** One version of a Transit key. */
export interface KeyVersion extends ExternalPublicKey {
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Whether Vault lets it sign (`min_encryption_version`). */
  readonly maySign: boolean;
}

/**
 * Reads the answer to `GET /v1/<mount>/keys/<key>`: the versions that Vault still verifies with.
 *
 * @returns oldest first; at least one
 * @throws KeyError when the key is none that signs, or has a version that is no good
 */
export function readKeyVersions(
  data: Readonly<Record<string, unknown>>,
  algorithm: SigningAlgorithm,
): readonly KeyVersion[] {
  if (data['supports_signing'] !== true) throw new KeyError('The key is not of a type that signs');
  if (data['derived'] === true) throw new KeyError('A derived key has no public key of its own');
  const least = Number(data['min_encryption_version'] ?? 0);
  const oldest = Number(data['min_decryption_version'] ?? 1);
  const versions = Object.entries((data['keys'] ?? {}) as object)
    .map(([name, entry]) => ({ version: Number(name), entry: (entry ?? {}) as VersionEntry }))
    .filter(({ version }) => version >= oldest)
    .sort((a, b) => a.version - b.version)
    .map(({ version, entry }) => ({
      ...acceptPublicKey(readPublicKey(entry), algorithm),
      version,
      createdAt: Date.parse(String(entry.creation_time)),
      maySign: version >= least,
    }));
  if (versions.length === 0) throw new KeyError('The key has no version');
  if (versions.some(({ createdAt }) => Number.isNaN(createdAt))) {
    throw new KeyError('A version of the key has no creation_time');
  }
  return versions;
}

interface VersionEntry {
  readonly public_key?: unknown;
  readonly creation_time?: unknown;
}

/** PEM, but for Ed25519: there it is the 32 bytes of RFC 8032 in base64. */
function readPublicKey({ public_key: written }: VersionEntry): KeyObject {
  const text = String(written ?? '');
  try {
    // A private key in PEM would be taken too, if it ever came.
    if (text.startsWith('-----BEGIN PUBLIC KEY-----')) return createPublicKey(text);
    const x = Buffer.from(text, 'base64').toString('base64url');
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    throw new KeyError('A version of the key has no public key that can be read');
  }
}
