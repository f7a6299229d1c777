import type { Revocations, RevokedToken } from '../state/revocations.ts';
import { type Audiences, isFor } from './introspect.ts';
import type { CurrentTokenFault, VerifyCurrentToken } from './refuse-revoked.ts';

export interface TokenRevokerDeps {
  readonly verify: VerifyCurrentToken;
  readonly revocations: Pick<Revocations, 'revoke'>;
}

/** Why nothing was revoked: there was nothing to, or it does not concern the client. */
export type NotRevoked =
  | Exclude<CurrentTokenFault, 'state_unavailable'>
  | 'wrong_audience'
  | 'no_jti';

/** Seconds that an entry outlives its token, for clocks that are set back. */
const slack = 60;

/**
 * Revokes one token of this service (RFC 7009 §2.1).
 *
 * @param audiences those whose tokens concern the client
 * @returns the entry, which is durable, or why there is none
 * @throws StateError when it could not be kept
 */
export async function revokeToken(
  { verify, revocations }: TokenRevokerDeps,
  jwt: string,
  audiences: Audiences,
): Promise<RevokedToken | NotRevoked | 'state_unavailable'> {
  const token = await verify(jwt);
  if (typeof token === 'string') return token;
  if (!isFor(token.claims, audiences)) return 'wrong_audience';
  const { jti, exp } = token.claims;
  if (typeof jti !== 'string') return 'no_jti';
  const entry = { kind: 'token', jti, until: Math.ceil(Number(exp)) + slack } as const;
  await revocations.revoke(entry);
  return entry;
}
