import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';

/** The public members of each key type, in the order of RFC 7638 §3.2 (RFC 8037 §2 for OKP). */
const publicMembers = {
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
} as const;

/**
 * @param key an asymmetric key, private or public
 * @returns its public members and no others
 */
export function publicJwk(key: KeyObject): JWK {
  const exported: JWK = (key.type === 'private' ? createPublicKey(key) : key).export({
    format: 'jwk',
  });
  const names = publicMembers[exported.kty as keyof typeof publicMembers];
  return Object.fromEntries(names.map((name) => [name, exported[name]])) as unknown as JWK;
}

/** @returns the SHA-256 thumbprint of an asymmetric key (RFC 7638), base64url */
export function thumbprint(key: KeyObject): string {
  return createHash('sha256')
    .update(JSON.stringify(publicJwk(key)))
    .digest('base64url');
}
