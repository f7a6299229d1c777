import { createHash, timingSafeEqual } from 'node:crypto';
import {
  authorizationScheme,
  readBasicCredentials,
} from '../exchange/credentials/authorization-header.ts';
import { createDummyHash } from '../exchange/credentials/basic/password-hash.ts';
import type { Audiences } from '../tokens/introspect.ts';
import { invalidRequest, type OAuthError } from './oauth-error.ts';

export type Permission = 'introspect';

/** Who may use the OAuth endpoints. Without a secret nobody can be this client. */
export interface Client {
  readonly id: string;
  /** SHA-256 of a generated secret, hex. */
  readonly secretSha256: string | undefined;
  /** argon2 or bcrypt. */
  readonly secretHash: string | undefined;
  readonly may: readonly Permission[];
  readonly audiences: Audiences;
}

export interface ClientAuthenticatorDeps {
  readonly clients: readonly Client[];
  /** Checks an argon2 or bcrypt hash; bounds how many are checked at a time. */
  readonly verifyPassword: (hash: string, password: string) => Promise<boolean | 'overloaded'>;
}

export interface ClientRequest {
  /** Every Authorization header of the request. */
  readonly authorization: readonly string[];
  readonly form: URLSearchParams;
}

/** @returns the client, or why there is none */
export type AuthenticateClient = (request: ClientRequest) => Promise<Client | OAuthError>;

/**
 * Authenticates clients by `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1).
 *
 * @throws TypeError for a client whose `secretSha256` is not one
 */
export function createClientAuthenticator(deps: ClientAuthenticatorDeps): AuthenticateClient {
  const clients = new Map(deps.clients.map((client) => [client.id, client]));
  const isSecretOf = createSecretCheck(deps);
  return async (request) => {
    const presented = readPresented(request);
    if ('error' in presented) return presented;
    const client = clients.get(presented.id);
    const correct = await isSecretOf(client, presented.secret);
    if (correct === 'overloaded') return overloaded;
    return correct && client !== undefined ? client : notAuthenticated;
  };
}

const notAuthenticated: OAuthError = {
  status: 401,
  error: 'invalid_client',
  description: 'Client authentication failed',
};

const overloaded: OAuthError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Too many clients authenticate at once',
};

interface PresentedSecret {
  readonly id: string;
  readonly secret: string;
}

/** RFC 6749 §2.3: a client must not use more than one method in a request. */
function readPresented({ authorization, form }: ClientRequest): PresentedSecret | OAuthError {
  const [header, ...more] = authorization;
  if (more.length > 0) return invalidRequest('The Authorization header came more than once');
  const id = form.get('client_id');
  const secret = form.get('client_secret');
  if (header === undefined) {
    return id === null || secret === null ? notAuthenticated : { id, secret };
  }
  if (secret !== null) return invalidRequest('Use one way of client authentication');
  const presented = readBasic(header);
  if (presented === undefined) return notAuthenticated;
  if (id !== null && id !== presented.id) return invalidRequest('client_id is not the client');
  return presented;
}

function readBasic(header: string): PresentedSecret | undefined {
  if (authorizationScheme(header) !== 'basic') return undefined;
  const credentials = readBasicCredentials(header);
  if (credentials === undefined) return undefined;
  const id = formDecode(credentials.user);
  const secret = formDecode(credentials.password);
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** RFC 6749 appendix B: id and secret are form-encoded before they become user and password. */
function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/**
 * Every failure costs the same: where some client has a slow hash, one is checked for names that do
 * not exist and for wrong generated secrets too, or the time would tell which is which.
 */
function createSecretCheck({ clients, verifyPassword }: ClientAuthenticatorDeps) {
  const digests = new Map(clients.map((client) => [client.id, readDigest(client)]));
  const dummyHash = createDummyHash(clients.flatMap(({ secretHash }) => secretHash ?? []));

  return async (client: Client | undefined, secret: string): Promise<boolean | 'overloaded'> => {
    if (client?.secretHash !== undefined) return verifyPassword(client.secretHash, secret);
    const digest = createHash('sha256').update(secret).digest();
    const expected = client && digests.get(client.id);
    if (timingSafeEqual(digest, expected ?? nobodysDigest) && expected !== undefined) return true;
    const dummy = dummyHash === undefined ? false : await verifyPassword(dummyHash, secret);
    return dummy === 'overloaded' ? dummy : false;
  };
}

const nobodysDigest = Buffer.alloc(32);

function readDigest({ id, secretSha256 }: Client): Buffer | undefined {
  if (secretSha256 === undefined) return undefined;
  const digest = Buffer.from(secretSha256, 'hex');
  if (digest.length === 32) return digest;
  throw new TypeError(`The SHA-256 of client "${id}" is not 64 hex digits`);
}
