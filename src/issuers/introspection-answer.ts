import { isJsonObject } from '../exchange/strict-json.ts';
import type { Claims, Json } from '../exchange/types.ts';

const believedForMs = 60_000;
/** RFC 7519 §4.1.5 allows a leeway of this kind for clocks that are not quite equal. */
const leewaySeconds = 5;

export interface ActiveToken {
  readonly claims: Claims;
  /** Milliseconds since the epoch. */
  readonly reusableUntil: number;
}

export interface ExpectedToken {
  /** When given, an answer must name it as `iss`. */
  readonly issuer?: string | undefined;
  /** When given, an answer must name one of them in `aud`. */
  readonly audiences?: readonly string[] | undefined;
}

/**
 * Judges an introspection answer (RFC 7662 §2.2). The token is active only if the answer says so
 * with a boolean and nothing else in it speaks against it.
 *
 * @param now milliseconds since the epoch
 * @returns the claims without `active`; `malformed` when the server did not answer the question
 */
export function readIntrospectionAnswer(
  answer: Json,
  { issuer, audiences, now }: ExpectedToken & { readonly now: number },
): ActiveToken | 'inactive' | 'malformed' {
  if (!isJsonObject(answer)) return 'malformed';
  const { active, ...claims } = answer;
  if (typeof active !== 'boolean') return 'malformed';
  if (!active) return 'inactive';
  const { exp = Number.MAX_VALUE, nbf = 0 } = claims;
  if (!isFiniteNumber(exp) || !isFiniteNumber(nbf)) return 'malformed';
  if (exp * 1000 <= now || (nbf - leewaySeconds) * 1000 > now) return 'inactive';
  if (issuer !== undefined && claims['iss'] !== issuer) return 'inactive';
  if (audiences !== undefined && !isMeantFor(audiences, claims['aud'])) return 'inactive';
  return { claims, reusableUntil: Math.min(now + believedForMs, exp * 1000) };
}

function isMeantFor(audiences: readonly string[], aud: Json | undefined): boolean {
  const named: readonly Json[] = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud];
  return named.some((name) => typeof name === 'string' && audiences.includes(name));
}

function isFiniteNumber(value: Json): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
