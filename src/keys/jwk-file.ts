import { createPrivateKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { isJsonObject, readJson } from '../exchange/strict-json.ts';
import type { JsonObject } from '../exchange/types.ts';
import { KeyError } from './key-error.ts';
import { readPemKey } from './pem.ts';
import { acceptPrivateKey, type PrivateKey } from './private-key.ts';
import { publicJwk } from './public-jwk.ts';
import { isSigningAlgorithm, type SigningAlgorithm } from './signer.ts';

/**
 * Reads one private key from text: a JWK (RFC 7517), or PEM (PKCS#8, PKCS#1 or SEC1).
 *
 * @param configured the algorithm for a key that names none, if it fits the key's type
 * @throws KeyError for anything that is not a sound private key for signing
 */
export function readPrivateKey(text: string, configured?: SigningAlgorithm): PrivateKey {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return readPrivateJwk(trimmed, configured);
  if (!trimmed.includes('-----BEGIN ')) {
    throw new KeyError('The key is neither a JWK (JSON) nor PEM; is it still a placeholder?');
  }
  return acceptPrivateKey({ key: readPemKey(trimmed), alg: undefined, configured, kid: undefined });
}

/** The members that make a private key of each type (RFC 7518 §6, RFC 8037 §2), and its secret. */
const keyTypes = new Map([
  ['RSA', { secret: 'd', members: ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] }],
  ['EC', { secret: 'd', members: ['x', 'y', 'd'] }],
  ['OKP', { secret: 'd', members: ['x', 'd'] }],
  ['oct', { secret: 'k', members: ['k'] }],
]);

function readPrivateJwk(text: string, configured: SigningAlgorithm | undefined): PrivateKey {
  const jwk = readJson(text);
  if (!isJsonObject(jwk)) throw new KeyError('The JWK is not JSON, or names a member twice');
  if ('keys' in jwk) throw new KeyError('This is a JWK Set; give one JWK');
  checkPurpose(jwk);
  return acceptPrivateKey({
    key: importJwk(jwk),
    alg: readAlgorithm(jwk['alg']),
    configured,
    kid: readKid(jwk['kid']),
  });
}

/** RFC 7517 §4.2 and §4.3: a key for something else is not to sign with. */
function checkPurpose({ use, key_ops: operations }: JsonObject): void {
  if (use !== undefined && use !== 'sig') throw new KeyError('The JWK\'s "use" is not "sig"');
  if (operations === undefined) return;
  if (!Array.isArray(operations) || !operations.includes('sign')) {
    throw new KeyError('The JWK\'s "key_ops" has no "sign"');
  }
}

function importJwk(jwk: JsonObject): KeyObject {
  const type = keyTypes.get(String(jwk['kty']));
  if (type === undefined) throw new KeyError('The JWK\'s "kty" is not RSA, EC, OKP or oct');
  if (jwk[type.secret] === undefined) {
    throw new KeyError(`The JWK has no "${type.secret}": it is not a private key`);
  }
  if ('oth' in jwk) throw new KeyError('RSA keys of more than two primes are not supported');
  for (const member of type.members) checkBase64url(member, jwk[member]);
  if (jwk['kty'] === 'oct') return createSecretKey(String(jwk['k']), 'base64url');
  return importPair(jwk, type.members);
}

function importPair(jwk: JsonObject, members: readonly string[]): KeyObject {
  const key = createPair({
    kty: jwk['kty'],
    crv: jwk['crv'],
    ...Object.fromEntries(members.map((member) => [member, jwk[member]])),
  });
  for (const [member, value] of Object.entries(publicJwk(key))) {
    if (jwk[member] !== value) {
      throw new KeyError(`The JWK's "${member}" is not canonical, or not of this key`);
    }
  }
  return key;
}

function createPair(key: object): KeyObject {
  try {
    return createPrivateKey({ key: key as JsonWebKey, format: 'jwk' });
  } catch {
    throw new KeyError('The members of the JWK do not make a key of its "kty" and "crv"');
  }
}

/** RFC 7515 §2: no padding, no other alphabet, and no bits that decoding would drop. */
function checkBase64url(member: string, value: unknown): void {
  if (value === undefined) throw new KeyError(`The JWK has no "${member}"`);
  const canonical =
    typeof value === 'string' &&
    value !== '' &&
    Buffer.from(value, 'base64url').toString('base64url') === value;
  if (!canonical) throw new KeyError(`The JWK's "${member}" is not base64url`);
}

function readAlgorithm(alg: unknown): SigningAlgorithm | undefined {
  // RFC 9864 deprecates the name, but older tools still write it; only Ed25519 fits here.
  if (alg === 'EdDSA') return 'Ed25519';
  if (alg === undefined || isSigningAlgorithm(alg)) return alg;
  throw new KeyError('The JWK\'s "alg" is not an algorithm that this service signs with');
}

function readKid(kid: unknown): string | undefined {
  if (kid === undefined) return undefined;
  if (typeof kid !== 'string' || !/^[^\u0000-\u001f\u007f-\u009f]{1,256}$/.test(kid)) {
    throw new KeyError('The JWK\'s "kid" is not 1 to 256 characters without control characters');
  }
  return kid;
}
