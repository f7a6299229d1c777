import type { Request } from 'express';
import type { AuthenticateClient, Client, Permission } from './client-authentication.ts';
import type { PublicLog } from './log.ts';
import type { OAuthError } from './oauth-error.ts';
import { headerValues } from './raw-headers.ts';

export interface FindClientDeps {
  readonly authenticate: AuthenticateClient;
  readonly log: PublicLog;
}

/** Authenticates the client that sent a form, and logs why it is refused. */
export async function findClient(
  { authenticate, log }: FindClientDeps,
  req: Request,
  form: URLSearchParams,
): Promise<Client | OAuthError> {
  const client = await authenticate({
    authorization: headerValues(req, 'authorization'),
    form,
    address: req.socket.remoteAddress,
  });
  if ('error' in client) logRefusal(log, client);
  return client;
}

/** @returns why the client may not do this, which is logged; undefined when it may */
export function refuseUnpermitted(
  { log }: Pick<FindClientDeps, 'log'>,
  { id, may }: Client,
  permission: Permission,
): OAuthError | undefined {
  if (may.includes(permission)) return undefined;
  const refusal: OAuthError = {
    status: 403,
    error: 'unauthorized_client',
    description: `The client may not do this; it needs ${permission}`,
  };
  logRefusal(log, { ...refusal, client: id });
  return refusal;
}

function logRefusal(log: PublicLog, refusal: OAuthError): void {
  const { isRepeated, retryAfter: _, client, ...told } = refusal;
  if (!isRepeated) log({ event: 'client_refused', client, ...told });
}
