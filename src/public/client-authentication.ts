import type { IssuerKeys } from '../exchange/types.ts';
import type { Audiences } from '../tokens/introspect.ts';
import { createAssertionCheck } from './client-assertion.ts';
import { createClientLimits } from './client-limits.ts';
import { createSecretCheck, type VerifyPassword } from './client-secret.ts';
import type { OAuthError } from './oauth-error.ts';
import { notAuthenticated, type PresentedClient, readPresentedClient } from './presented-client.ts';
import type { Rate } from './rate-limit.ts';
import type { SeenAssertions } from './seen-assertions.ts';

export type Permission = 'introspect' | 'revoke' | 'revoke-any';

/** Who may use the OAuth endpoints. Without a secret and keys nobody can be this client. */
export interface Client {
  readonly id: string;
  /** SHA-256 of a generated secret, hex. */
  readonly secretSha256: string | undefined;
  /** argon2 or bcrypt. */
  readonly secretHash: string | undefined;
  /** What verifies the assertions that it signs. */
  readonly keys: IssuerKeys | undefined;
  readonly may: readonly Permission[];
  readonly audiences: Audiences;
  /** How often it may ask. */
  readonly rate: Rate;
}

export interface ClientAuthenticatorDeps {
  readonly clients: readonly Client[];
  readonly verifyPassword: VerifyPassword;
  readonly seenAssertions: SeenAssertions;
  /** This service, as the audience of assertions. */
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface ClientRequest {
  /** Every Authorization header of the request. */
  readonly authorization: readonly string[];
  readonly form: URLSearchParams;
  /** Of the socket; undefined on a unix socket. */
  readonly address: string | undefined;
}

/** @returns the client, or why there is none */
export type AuthenticateClient = (request: ClientRequest) => Promise<Client | OAuthError>;

/**
 * Authenticates clients by `client_secret_basic`, `client_secret_post` (RFC 6749 §2.3.1) or
 * `private_key_jwt` (RFC 7523 §2.2), and holds them to their rates. A source that failed too often
 * gets 429 for all but secrets and keys that were generated: those nobody guesses, so whoever
 * shares the address keeps working.
 *
 * @throws TypeError for a client whose `secretSha256` is not one
 */
export function createClientAuthenticator(deps: ClientAuthenticatorDeps): AuthenticateClient {
  const clients = new Map(deps.clients.map((client) => [client.id, client]));
  const isSecretOf = createSecretCheck(deps);
  const checkAssertion = createAssertionCheck(deps);
  const limits = createClientLimits({ now: deps.now, clients: clients.size });

  async function authenticate(
    presented: PresentedClient | OAuthError,
    mayBeSlow: boolean,
  ): Promise<Client | OAuthError> {
    if ('error' in presented) return presented;
    const client = clients.get(presented.id);
    if ('assertion' in presented) {
      const refusal = await checkAssertion(client, presented.assertion);
      return refusal ?? client ?? notAuthenticated;
    }
    const correct = await isSecretOf(client, presented.secret, mayBeSlow);
    if (correct === 'overloaded') return overloaded;
    return correct && client !== undefined ? client : notAuthenticated;
  }

  return async (request) => {
    const source = limits.of(request.address);
    const answer = await authenticate(readPresentedClient(request), !source.isExhausted);
    if (!('error' in answer)) return limits.spend(answer) ?? answer;
    return answer.status === 401 ? source.fail(answer) : answer;
  };
}

const overloaded: OAuthError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Too many clients authenticate at once',
};
