import { refuse } from '../../refusals.ts';
import { isJsonObject } from '../../strict-json.ts';
import type { Claims, Json, Refused } from '../../types.ts';

export interface SourceRules {
  /** `exp` may be absent. */
  readonly expOptional: boolean;
  /** Seconds, for `nbf` and `iat` only. */
  readonly clockSkew: number;
}

const control = /[\u0000-\u001f\u007f-\u009f]/;
const loneSurrogate = /\p{Surrogate}/u;
const maxNameLength = 255;
/** The end of the year 9999: beyond it lie mistakes. */
const maxNumericDate = 253_402_300_799;

/**
 * The checks of ours after a library has verified a token, and the only ones for a token that the
 * gateway verified: times, and the shape of every claim that we or a backend build on.
 *
 * @param now seconds since the epoch
 * @returns why the claims are not acceptable
 */
export function checkSourceClaims(
  claims: Claims,
  rules: SourceRules,
  now: number,
): Refused | undefined {
  return checkShape(claims) ?? checkTimes(claims, rules, now);
}

/** @returns whether a value can name a client or subject: plain text that a log or header survives */
export function isName(value: Json | undefined): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maxNameLength &&
    !control.test(value) &&
    !loneSurrogate.test(value)
  );
}

function checkShape(claims: Claims): Refused | undefined {
  const { iss, sub, aud, act, jti } = claims;
  if (iss !== undefined && !isName(iss)) return malformed('iss');
  if (sub !== undefined && !isName(sub)) return malformed('sub');
  if (jti !== undefined && !isName(jti)) return malformed('jti');
  if (aud !== undefined && !isAudience(aud)) return malformed('aud');
  if (act !== undefined && !isJsonObject(act)) return malformed('act');
  for (const name of ['exp', 'nbf', 'iat']) {
    const date = claims[name];
    if (date !== undefined && !isNumericDate(date)) return malformed(name);
  }
  return undefined;
}

function checkTimes(claims: Claims, rules: SourceRules, now: number): Refused | undefined {
  const { exp, nbf, iat } = claims;
  if (exp === undefined && !rules.expOptional) return refuse('invalid_token', 'exp is missing');
  if (isNumericDate(exp) && exp <= now) return refuse('token_expired');
  const latest = now + rules.clockSkew;
  const early = [nbf, iat].some((date) => isNumericDate(date) && date > latest);
  return early ? refuse('token_not_yet_valid') : undefined;
}

function malformed(name: string): Refused {
  return refuse('invalid_token', `${name} is malformed`);
}

/** Zero too: older Keycloaks write `nbf: 0` for none. */
function isNumericDate(value: Json | undefined): value is number {
  return typeof value === 'number' && value >= 0 && value <= maxNumericDate;
}

function isAudience(value: Json): boolean {
  return Array.isArray(value) ? value.every((each) => typeof each === 'string') : isName(value);
}
