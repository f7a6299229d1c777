import { compactVerify } from 'jose';
import { readCompactJws } from '../exchange/compact-jws.ts';
import { ownBounds } from '../exchange/strict-json.ts';
import type { Claims, JsonObject } from '../exchange/types.ts';
import { verifyAtOnce } from '../exchange/verify-signature.ts';
import type { KeyRing, VerificationKey } from '../keys/key-ring.ts';
import { introspectionJwtType } from './introspection-jwt.ts';

/** A token of this service that is good now. */
export interface VerifiedToken {
  readonly claims: Claims;
  /** JOSE header. */
  readonly header: JsonObject;
  readonly kid: string;
}

/** Why a token is not good, in the order in which it is found out. */
export type TokenFault =
  | 'malformed'
  | 'unknown_issuer'
  | 'unknown_key'
  | 'bad_signature'
  | 'expired';

/** Verifies a token of this service. Never throws. */
export type VerifyToken = (jwt: string) => Promise<VerifiedToken | TokenFault>;

export interface OwnTokenVerifierDeps {
  readonly issuer: string;
  readonly keyRing: Pick<KeyRing, 'verificationKey'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * @returns a verifier for the tokens that this service signed (RFC 7515 §5.2, RFC 7519 §7.2); of
 *   the JOSE header only `alg`, `kid` and `typ` are looked at; `alg` must be the key's own, and what
 *   else this service signs is told by its `typ`, and is no token (RFC 9701 §8.1)
 */
export function createOwnTokenVerifier({
  issuer,
  keyRing,
  now,
}: OwnTokenVerifierDeps): VerifyToken {
  return async (jwt) => {
    const token = readCompactJws(jwt, ownBounds);
    if (token === undefined) return 'malformed';
    const { header, payload: claims } = token;
    if (header.typ === introspectionJwtType) return 'malformed';
    if (claims['iss'] !== issuer) return 'unknown_issuer';
    const { kid } = header;
    const key = kid === undefined ? undefined : keyRing.verificationKey(kid);
    if (kid === undefined || key === undefined) return 'unknown_key';
    if (header.alg !== key.alg || !(await isSignedWith(key, jwt))) return 'bad_signature';
    const { exp } = claims;
    if (typeof exp !== 'number') return 'malformed';
    return exp * 1000 > now() ? { claims, header: header.all, kid } : 'expired';
  };
}

async function isSignedWith({ alg, key }: VerificationKey, jwt: string): Promise<boolean> {
  const isGood = verifyAtOnce(jwt, alg, key);
  if (isGood !== undefined) return isGood;
  try {
    await compactVerify(jwt, key, { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}
