import type { Request } from 'express';
import { SignerUnavailable } from '../exchange/signer-unavailable.ts';
import { writeJson } from '../exchange/strict-json.ts';
import type { Json } from '../exchange/types.ts';
import { introspect } from '../tokens/introspect.ts';
import { introspectionJwtType, type SignIntrospection } from '../tokens/introspection-jwt.ts';
import type { VerifyToken } from '../tokens/verify.ts';
import type { AuthenticateClient, Client } from './client-authentication.ts';
import type { Respond } from './endpoint.ts';
import { readForm } from './form.ts';
import type { PublicLog } from './log.ts';
import { invalidRequest, type OAuthError, sendOAuthError } from './oauth-error.ts';
import { headerValues } from './raw-headers.ts';

export interface IntrospectionDeps {
  readonly authenticate: AuthenticateClient;
  readonly verify: VerifyToken;
  readonly sign: SignIntrospection;
  /** Undefined while answers cannot be signed so that clients could verify them. */
  readonly signingAlgorithm: () => string | undefined;
  readonly log: PublicLog;
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
  const client = await findClient(deps, {
    authorization: headerValues(req, 'authorization'),
    form,
    address: req.socket.remoteAddress,
  });
  if ('error' in client) return client;
  const type = req.accepts(deps.signingAlgorithm() === undefined ? [json] : [json, signed]);
  if (type === false) return notAcceptable;
  const token = form.get('token');
  if (token === null) return invalidRequest('The parameter token is missing');
  const response = introspect(await deps.verify(token), client.audiences);
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

async function findClient(
  { authenticate, log }: IntrospectionDeps,
  request: Parameters<AuthenticateClient>[0],
): Promise<Client | OAuthError> {
  const client = await authenticate(request);
  const refusal = 'error' in client ? client : permissionMissing(client);
  if (refusal === undefined) return client;
  logRefusal(log, 'id' in client ? { ...refusal, client: client.id } : refusal);
  return refusal;
}

function logRefusal(log: PublicLog, refusal: OAuthError): void {
  const { isRepeated, retryAfter: _, client, ...told } = refusal;
  if (!isRepeated) log({ event: 'client_refused', client, ...told });
}

function permissionMissing({ may }: Client): OAuthError | undefined {
  if (may.includes('introspect')) return undefined;
  return {
    status: 403,
    error: 'unauthorized_client',
    description: 'The client may not introspect',
  };
}
