import type { Request } from 'express';
import { SignerUnavailable } from '../exchange/signer-unavailable.ts';
import { writeJson } from '../exchange/strict-json.ts';
import type { Json } from '../exchange/types.ts';
import { introspect } from '../tokens/introspect.ts';
import { introspectionJwtType, type SignIntrospection } from '../tokens/introspection-jwt.ts';
import type { VerifyCurrentToken } from '../tokens/refuse-revoked.ts';
import type { PublicCounts } from './counts.ts';
import type { Respond } from './endpoint.ts';
import { type FindClientDeps, findClient, refuseUnpermitted } from './find-client.ts';
import { readForm } from './form.ts';
import {
  invalidRequest,
  type OAuthError,
  sendOAuthError,
  stateUnavailable,
} from './oauth-error.ts';

export interface IntrospectionDeps extends FindClientDeps {
  readonly verify: VerifyCurrentToken;
  readonly sign: SignIntrospection;
  /** Undefined while answers cannot be signed so that clients could verify them. */
  readonly signingAlgorithm: () => string | undefined;
  readonly counts: PublicCounts;
}

interface Answer {
  readonly type: string;
  readonly body: string;
}

/**
 * `POST /introspect`: token introspection (RFC 7662), for clients that may; signed where the client
 * asks for that (RFC 9701).
 */
export function createIntrospection(deps: IntrospectionDeps): Respond {
  return async (req, res) => {
    const answer = await answerIntrospection(deps, req);
    if ('error' in answer) return sendOAuthError(res, answer);
    res.setHeader('Content-Type', answer.type);
    res.setHeader('Cache-Control', 'no-store');
    res.end(answer.body);
  };
}

async function answerIntrospection(
  deps: IntrospectionDeps,
  req: Request,
): Promise<Answer | OAuthError> {
  const form = await readForm(req);
  if ('error' in form) return form;
  const client = await findClient(deps, req, form);
  if ('error' in client) return client;
  const unpermitted = refuseUnpermitted(deps, client, 'introspect');
  if (unpermitted) return unpermitted;
  const type = req.accepts(deps.signingAlgorithm() === undefined ? [json] : [json, signed]);
  if (type === false) return notAcceptable;
  const token = form.get('token');
  if (token === null) return invalidRequest('The parameter token is missing');
  const verified = await deps.verify(token);
  if (verified === 'state_unavailable') return stateUnavailable;
  const response = introspect(verified, client.audiences);
  deps.counts.introspected(response.active);
  if (type === json) return { type, body: writeJson(response as Json) };
  try {
    return { type, body: await deps.sign(response, client.id) };
  } catch (error) {
    if (error instanceof SignerUnavailable) return signerUnavailable;
    throw error;
  }
}

const signerUnavailable: OAuthError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'The answer cannot be signed now',
};

const json = 'application/json';
const signed = `application/${introspectionJwtType}`;

/** Never the other form instead: who asks for a signature must not get an answer without one. */
const notAcceptable: OAuthError = invalidRequest('No form that Accept names can be sent', 406);
