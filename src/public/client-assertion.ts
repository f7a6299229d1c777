import { compactVerify } from 'jose';
import { checkSourceClaims, isName } from '../exchange/credentials/bearer/source-claims.ts';
import type { Claims } from '../exchange/types.ts';
import type { Client } from './client-authentication.ts';
import { createDecoyKeys } from './decoy-key.ts';
import type { OAuthError } from './oauth-error.ts';
import { type Assertion, notAuthenticated } from './presented-client.ts';
import type { SeenAssertions } from './seen-assertions.ts';

/** What a client may sign its assertions with; asymmetric only. */
export const assertionAlgorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'Ed25519', 'EdDSA'],
] as const;

/** JOSE `typ`: usual ones, and that of the draft that updates RFC 7523. */
const types: readonly (string | undefined)[] = [undefined, 'jwt', 'client-authentication+jwt'];

/** Seconds. */
const longestLife = 300;
const clockSkew = 5;

export interface AssertionCheckDeps {
  /** Which assertions were used already. */
  readonly seenAssertions: SeenAssertions;
  /** The one audience that counts. */
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** @returns undefined when the client signed it, and never sent it before; else the answer */
export type CheckAssertion = (
  client: Client | undefined,
  assertion: Assertion,
) => Promise<OAuthError | undefined>;

/**
 * Checks what a client signed to authenticate, `private_key_jwt` (RFC 7523 §3, OpenID Connect Core
 * §9), each assertion once. Everything that needs no key is checked first, for any client alike.
 */
export function createAssertionCheck({
  issuer,
  now,
  seenAssertions: seen,
}: AssertionCheckDeps): CheckAssertion {
  const decoyKey = createDecoyKeys(assertionAlgorithms);

  async function isSignedBy(client: Client | undefined, { jwt, jws }: Assertion): Promise<boolean> {
    const { alg } = jws.header;
    const found = (await client?.keys?.find(jws.header)) ?? 'unknown_key';
    const key = typeof found === 'string' ? decoyKey(alg) : found;
    if (key === undefined) return false;
    try {
      await compactVerify(jwt, key, { algorithms: [alg] });
      return typeof found !== 'string';
    } catch {
      return false;
    }
  }

  return async (client, assertion) => {
    const { header, payload: claims } = assertion.jws;
    const problem = types.includes(header.typ)
      ? claimsProblem(claims, issuer, now() / 1000)
      : 'typ is not one of those taken';
    if (problem !== undefined) return { ...notAuthenticated, detail: problem };
    const signed = await isSignedBy(client, assertion);
    if (!signed || client === undefined) {
      return { ...notAuthenticated, detail: 'the signature does not verify, or no such client' };
    }
    const { jti, exp } = claims as { jti: string; exp: number };
    switch (seen.remember(client.id, jti, exp)) {
      case 'new':
        return undefined;
      case 'seen':
        return { ...notAuthenticated, detail: 'the jti was used before', client: client.id };
      case 'full':
        return { ...tooManyAssertions, client: client.id };
    }
  };
}

/** Each has to be remembered until its end. */
const tooManyAssertions: OAuthError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Too many assertions of the client have not ended yet',
};

/** @param now seconds since the epoch */
function claimsProblem(claims: Claims, issuer: string, now: number): string | undefined {
  const { iss, sub, aud, exp, jti } = claims;
  if (iss !== sub) return 'iss and sub differ';
  // Any other value would let a server that the client also uses pass its assertion on to us.
  if (aud !== issuer) return 'aud is not the issuer identifier, as a single string';
  if (!isName(jti)) return 'jti is missing or malformed';
  const refused = checkSourceClaims(claims, { expOptional: false, clockSkew }, now);
  if (refused) return refused.detail ?? refused.reason;
  return (exp as number) > now + longestLife + clockSkew
    ? `exp is more than ${longestLife} seconds ahead`
    : undefined;
}
