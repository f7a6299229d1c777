import type { Claims } from '../exchange/types.ts';
import type { IssuedToken, Revocations } from '../state/revocations.ts';
import type { TokenFault, VerifiedToken, VerifyToken } from './verify.ts';

/** Why a token is not good, where revocations count too. */
export type CurrentTokenFault =
  | TokenFault
  | 'revoked'
  /** Good if it was not revoked; but nobody can say. */
  | 'state_unavailable';

/** Verifies a token of this service, and that it was not revoked. Never throws. */
export type VerifyCurrentToken = (jwt: string) => Promise<VerifiedToken | CurrentTokenFault>;

/** @returns a verifier that does what `verify` does, and then refuses what was revoked */
export function refuseRevoked(
  verify: VerifyToken,
  revocations: Pick<Revocations, 'isRevoked'>,
): VerifyCurrentToken {
  return async (jwt) => {
    const token = await verify(jwt);
    if (typeof token === 'string') return token;
    const revoked = revocations.isRevoked(issuedToken(token));
    if (revoked === 'unavailable') return 'state_unavailable';
    return revoked ? 'revoked' : token;
  };
}

/** @returns what of a token decides whether it was revoked */
export function issuedToken({
  claims,
  kid,
}: {
  readonly claims: Claims;
  readonly kid: string | undefined;
}): IssuedToken {
  const { jti, sub, client_id: clientId, iat } = claims;
  return {
    jti: typeof jti === 'string' ? jti : undefined,
    subject: typeof sub === 'string' ? sub : undefined,
    clientId: typeof clientId === 'string' ? clientId : undefined,
    kid,
    iat: typeof iat === 'number' ? iat : undefined,
  };
}
