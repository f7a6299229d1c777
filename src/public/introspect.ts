import type { IncomingMessage } from 'node:http';
import { writeJson } from '../exchange/strict-json.ts';
import type { Json } from '../exchange/types.ts';
import { introspect } from '../tokens/introspect.ts';
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
  readonly log: PublicLog;
}

/** `POST /introspect`: token introspection (RFC 7662), for clients that may. */
export function createIntrospection(deps: IntrospectionDeps): Respond {
  return async (req, res) => {
    const answer = await answerIntrospection(deps, req);
    if (typeof answer !== 'string') return sendOAuthError(res, answer);
    res.setHeader('Content-Type', 'application/json');
    res.setHeader('Cache-Control', 'no-store');
    res.end(answer);
  };
}

async function answerIntrospection(
  deps: IntrospectionDeps,
  req: IncomingMessage,
): Promise<string | OAuthError> {
  const form = await readForm(req);
  if ('error' in form) return form;
  const client = await findClient(deps, {
    authorization: headerValues(req, 'authorization'),
    form,
  });
  if ('error' in client) return client;
  const token = form.get('token');
  if (token === null) return invalidRequest('The parameter token is missing');
  return writeJson(introspect(await deps.verify(token), client.audiences) as Json);
}

async function findClient(
  { authenticate, log }: IntrospectionDeps,
  request: Parameters<AuthenticateClient>[0],
): Promise<Client | OAuthError> {
  const client = await authenticate(request);
  const refusal = 'error' in client ? client : permissionMissing(client);
  if (refusal === undefined) return client;
  const id = 'id' in client ? client.id : undefined;
  log({ event: 'client_refused', client: id, ...refusal });
  return refusal;
}

function permissionMissing({ may }: Client): OAuthError | undefined {
  if (may.includes('introspect')) return undefined;
  return {
    status: 403,
    error: 'unauthorized_client',
    description: 'The client may not introspect',
  };
}
