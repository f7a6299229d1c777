import type { CompactJws } from '../../compact-jws.ts';
import { refuse } from '../../refusals.ts';
import { tooManySignatures } from '../../signer-unavailable.ts';
import type { IssuerKeys, Json, Refused } from '../../types.ts';
import { verifySignature } from '../../verify-signature.ts';

/** An issuer whose JWTs are verified here. */
export interface JwtIssuer {
  /** Compared byte for byte with `iss` (RFC 8414 §2). */
  readonly issuer: string;
  /** Accepted `aud` values; `any` was written by hand. */
  readonly audiences: ReadonlySet<string> | 'any';
  readonly algorithms: ReadonlySet<string>;
  /** JOSE `typ` values taken, lower case; undefined stands for an absent `typ`. */
  readonly types: ReadonlySet<string | undefined>;
  readonly keys: IssuerKeys;
}

/**
 * Verifies the signature and that the token is meant for us; times and shapes are checked by
 * `checkSourceClaims`, for all bearer tokens alike.
 *
 * @returns why not, or undefined when it verifies
 */
export async function verifyJwt(
  issuer: JwtIssuer,
  token: string,
  { header, payload }: CompactJws,
): Promise<Refused | undefined> {
  const { alg, kid, typ } = header;
  if (!issuer.algorithms.has(alg)) return refuse('invalid_token', 'algorithm not accepted');
  if (!issuer.types.has(typ)) return refuse('wrong_type', 'typ is not one of those taken');
  if (!isMeantFor(issuer.audiences, payload['aud'])) return refuse('wrong_audience');
  const key = await issuer.keys.find({ alg, kid });
  if (key === 'unknown_key') return refuse('unknown_key');
  if (key === 'issuer_unavailable') return refuse('issuer_unavailable', 'no usable key set');
  const isGood = await verifySignature(token, alg, key);
  if (isGood === 'overloaded') return refuse('overloaded', tooManySignatures);
  return isGood ? undefined : refuse('invalid_token', 'the signature does not verify');
}

/** RFC 7519 §4.1.3: one of the token's audiences must be one of ours, byte for byte. */
function isMeantFor(accepted: ReadonlySet<string> | 'any', aud: Json | undefined): boolean {
  if (accepted === 'any') return true;
  const named = Array.isArray(aud) ? aud : [aud];
  return named.some((each) => accepted.has(each));
}
