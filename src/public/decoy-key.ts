import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/**
 * Keys that verify nothing. Where there is no real one, a signature is checked with one of these, or
 * the time would tell which clients and key ids exist.
 *
 * @returns the key for a JWS algorithm; undefined for one that no client may use
 */
export function createDecoyKeys(
  algorithms: readonly string[],
): (alg: string) => KeyObject | undefined {
  const keys = new Map<string, KeyObject>();
  return (alg) => {
    if (!algorithms.includes(alg)) return undefined;
    const key = keys.get(alg) ?? makeDecoy(alg);
    keys.set(alg, key);
    return key;
  };
}

const curves = new Map([
  ['ES256', 'P-256'],
  ['ES384', 'P-384'],
  ['ES512', 'P-521'],
]);

function makeDecoy(alg: string): KeyObject {
  const namedCurve = curves.get(alg);
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve }).publicKey;
  if (alg.startsWith('Ed')) return generateKeyPairSync('ed25519').publicKey;
  // Any odd number does as a modulus that nobody signs with, and takes no search for primes.
  const modulus = randomBytes(256);
  modulus[0] = 0x80 | (modulus[0] ?? 0);
  modulus[255] = 1 | (modulus[255] ?? 0);
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' };
  return createPublicKey({ key: jwk, format: 'jwk' });
}
