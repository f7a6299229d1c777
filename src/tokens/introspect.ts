import type { Claims, Json } from '../exchange/types.ts';
import type { CurrentTokenFault } from './refuse-revoked.ts';
import type { VerifiedToken } from './verify.ts';

/** The audiences whose tokens a client may ask about. */
export type Audiences = 'any' | readonly string[];

/** RFC 7662 §2.2: an inactive token has nothing else to say. */
export type IntrospectionResponse =
  | { readonly active: false }
  | ({ readonly active: true; readonly token_type: 'Bearer' } & Claims);

/**
 * Answers a client's question about a token (RFC 7662). A token for somebody else's audience is
 * inactive to this client, like any bad one (§4).
 */
export function introspect(
  token: VerifiedToken | CurrentTokenFault,
  audiences: Audiences,
): IntrospectionResponse {
  if (typeof token === 'string' || !isFor(token.claims, audiences)) return { active: false };
  // Last, so that a claim of the same name cannot speak for this service. Whoever holds one of
  // these tokens can use it, which is what RFC 6750 §1.2 calls a bearer token.
  return { ...token.claims, token_type: 'Bearer', active: true };
}

/** @returns whether a token's `aud`, one or a list (RFC 7519 §4.1.3), meets one of the audiences */
export function isFor(claims: Claims, audiences: Audiences): boolean {
  return audiences === 'any' || audiencesOf(claims['aud']).some((aud) => audiences.includes(aud));
}

function audiencesOf(aud: Json | undefined): readonly string[] {
  const list = Array.isArray(aud) ? (aud as readonly Json[]) : [aud];
  return list.filter((one) => typeof one === 'string');
}
