import type { Request, Response } from 'express';
import { readBearerToken } from '../exchange/credentials/authorization-header.ts';
import { isFor } from '../tokens/introspect.ts';
import type { CurrentTokenFault, VerifyCurrentToken } from '../tokens/refuse-revoked.ts';
import type { VerifiedToken } from '../tokens/verify.ts';
import type { Respond } from './endpoint.ts';
import { headerValues } from './raw-headers.ts';

interface Refusal {
  /** 401 comes with one. */
  readonly challenge: string | undefined;
  readonly body: { readonly message: string } | { readonly exp: string };
}

/**
 * `GET /introspect` with the token as Bearer: is it good, and for `?aud=` when that is given? The
 * answers are those of the Kong plugin that this service can stand in for.
 */
export function createBearerCheck(verify: VerifyCurrentToken): Respond {
  return async (req, res) => {
    const refusal = await findRefusal(verify, req);
    res.setHeader('Content-Type', 'application/json');
    res.setHeader('Cache-Control', 'no-store');
    if (refusal !== undefined) return sendRefusal(res, refusal);
    res.end('{"message":"Ok"}');
  };
}

/** Not 401: clients would throw a good token away. */
const undecided: Refusal = { challenge: undefined, body: { message: 'Service Unavailable' } };

async function findRefusal(verify: VerifyCurrentToken, req: Request): Promise<Refusal | undefined> {
  const [authorization = '', ...more] = headerValues(req, 'authorization');
  const jwt = more.length === 0 ? readBearerToken(authorization) : undefined;
  // RFC 6750 §3.1: no error code when there was no token.
  if (jwt === undefined) return { challenge: 'Bearer', body: { message: 'Unauthorized' } };
  const token = await verify(jwt);
  if (token === 'state_unavailable') return undecided;
  const body = typeof token === 'string' ? describeFault(token) : wrongAudience(token, req.url);
  return body && { challenge: 'Bearer error="invalid_token"', body };
}

function describeFault(fault: Exclude<CurrentTokenFault, 'state_unavailable'>): Refusal['body'] {
  switch (fault) {
    case 'malformed':
      return { message: 'Unauthorized' };
    case 'unknown_issuer':
    case 'unknown_key':
      return { message: "No credentials found for given 'client_id'" };
    case 'bad_signature':
      return { message: 'Invalid signature' };
    case 'expired':
      return { exp: 'token expired' };
    case 'revoked':
      return { message: 'Token revoked' };
  }
}

function wrongAudience({ claims }: VerifiedToken, url: string): Refusal['body'] | undefined {
  const query = url.slice(url.indexOf('?') + 1);
  const wanted = url.includes('?') ? new URLSearchParams(query).getAll('aud') : [];
  return wanted.every((aud) => isFor(claims, [aud])) ? undefined : { message: 'Unauthorized' };
}

function sendRefusal(res: Response, { challenge, body }: Refusal): void {
  res.status(challenge === undefined ? 503 : 401);
  if (challenge === undefined) res.setHeader('Retry-After', '1');
  else res.setHeader('WWW-Authenticate', challenge);
  res.end(JSON.stringify(body));
}
