import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { isObject } from './fetch-document.ts';

/** A key of an issuer, and what it may verify. */
export interface VerificationKey {
  readonly kid: string | undefined;
  readonly key: KeyObject;
  /** JWS algorithms, of those that were asked for. */
  readonly algorithms: readonly string[];
}

type Jwk = Readonly<Record<string, unknown>>;

export const maxKidLength = 256;

/** Why a key is skipped that its issuer had better not published. */
export const secretMaterial = 'it holds private or symmetric key material';

/** RFC 7518 §3.1 and RFC 9864 §2, by `kty` or, where it decides, by `crv`. */
const algorithmsOf = new Map<string, readonly string[]>([
  ['RSA', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  ['P-256', ['ES256']],
  ['P-384', ['ES384']],
  ['P-521', ['ES512']],
  ['Ed25519', ['Ed25519', 'EdDSA']],
]);

/** RFC 7518 §6.2.2, §6.3.2 and §6.4.1, RFC 9964 §3. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * Imports one member of a JWK set (RFC 7517 §4) for verifying signatures.
 *
 * @param algorithms the JWS algorithms that the configuration accepts
 * @returns the key, or why it is of no use here; never throws
 */
export function readPublicJwk(
  jwk: unknown,
  algorithms: readonly string[],
): VerificationKey | string {
  if (!isObject(jwk)) return 'not an object';
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) {
    return secretMaterial;
  }
  const { kid, use, key_ops: operations } = jwk;
  if (kid !== undefined && !isKid(kid)) return `its kid is not a string of at most ${maxKidLength}`;
  if (use !== undefined && use !== 'sig') return 'its use is not sig';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'its key_ops lack verify';
  }
  const fitting = fittingAlgorithms(jwk).filter((alg) => algorithms.includes(alg));
  if (fitting.length === 0) return 'it serves no algorithm that is accepted';
  const key = importKey(jwk);
  return typeof key === 'string' ? key : { kid, key, algorithms: fitting };
}

function isKid(kid: unknown): kid is string {
  return typeof kid === 'string' && kid.length <= maxKidLength;
}

/** RFC 8725 §3.1: a key is used with one algorithm, its own where it names one. */
function fittingAlgorithms({ kty, crv, alg }: Jwk): readonly string[] {
  const type = kty === 'RSA' ? kty : typeof crv === 'string' && kty === curveType(crv) ? crv : '';
  const algorithms = algorithmsOf.get(type) ?? [];
  return alg === undefined ? algorithms : algorithms.filter((name) => name === alg);
}

function curveType(crv: string): 'EC' | 'OKP' {
  return crv === 'Ed25519' ? 'OKP' : 'EC';
}

function importKey(jwk: Jwk): KeyObject | string {
  try {
    const { kty, crv, x, y, n, e } = jwk;
    const members =
      kty === 'RSA' ? { kty, n, e } : kty === 'EC' ? { kty, crv, x, y } : { kty, crv, x };
    const key = createPublicKey({ key: members as JsonWebKey, format: 'jwk' });
    return kty === 'RSA' ? checkRsa(key) : key;
  } catch {
    return 'it is not a valid key';
  }
}

/** RFC 7518 §3.3; the upper limits keep a verification from taking long. */
function checkRsa(key: KeyObject): KeyObject | string {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2048 || modulusLength > 8192) return 'its modulus is not 2048 to 8192 bits';
  // With an exponent of 1 every message is its own signature.
  if (publicExponent < 3n || publicExponent >= 2n ** 64n) return 'its exponent is out of range';
  return key;
}
