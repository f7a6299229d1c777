import { writeJson } from '../exchange/strict-json.ts';
import type { Json, Signer } from '../exchange/types.ts';
import type { IntrospectionResponse } from './introspect.ts';

/** The media type of a signed answer (RFC 9701 §4), and its `typ` without `application/`. */
export const introspectionJwtType = 'token-introspection+jwt';

/** Signs an answer for the client that asked. */
export type SignIntrospection = (answer: IntrospectionResponse, client: string) => Promise<string>;

export interface IntrospectionSignerDeps {
  readonly issuer: string;
  /** The key that signs now. */
  readonly signer: () => Signer;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Makes answers that prove where they come from (RFC 9701 §5). They have no `sub` and no `exp` of
 * their own, and a `typ` that no verifier of access tokens takes (§8.1).
 */
export function createIntrospectionSigner({
  issuer,
  signer,
  now,
}: IntrospectionSignerDeps): SignIntrospection {
  return async (answer, client) => {
    const { alg, kid, sign } = signer();
    const iat = Math.floor(now() / 1000);
    const claims = { iss: issuer, aud: client, iat, token_introspection: answer as Json };
    const input = [JSON.stringify({ alg, typ: introspectionJwtType, kid }), writeJson(claims)]
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
    return `${input}.${await sign(input)}`;
  };
}
