import { type CompactJws, readCompactJws } from '../exchange/compact-jws.ts';
import {
  authorizationScheme,
  readBasicCredentials,
} from '../exchange/credentials/authorization-header.ts';
import type { ClientRequest } from './client-authentication.ts';
import { invalidRequest, type OAuthError } from './oauth-error.ts';

/** Who a client says it is, and by what it wants to show that. */
export type PresentedClient = { readonly id: string } & (
  | { readonly secret: string }
  | { readonly assertion: Assertion }
);

export interface Assertion {
  /** As it came. */
  readonly jwt: string;
  readonly jws: CompactJws;
}

export const notAuthenticated: OAuthError = {
  status: 401,
  error: 'invalid_client',
  description: 'Client authentication failed',
};

/** RFC 7523 §2.2. */
const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** RFC 6749 §2.3: a client must not use more than one method in a request. */
export function readPresentedClient({
  authorization,
  form,
}: ClientRequest): PresentedClient | OAuthError {
  const [header, ...more] = authorization;
  if (more.length > 0) return invalidRequest('The Authorization header came more than once');
  const secret = form.get('client_secret');
  const type = form.get('client_assertion_type');
  const jwt = form.get('client_assertion');
  const ways = [header, secret ?? undefined, type ?? jwt ?? undefined];
  if (ways.filter((way) => way !== undefined).length > 1) {
    return invalidRequest('Use one way of client authentication');
  }
  const id = form.get('client_id');
  if (header === undefined && secret !== null) {
    return id === null ? notAuthenticated : { id, secret };
  }
  const presented = header === undefined ? readAssertion(type, jwt) : readBasic(header);
  if (presented === undefined) return notAuthenticated;
  if ('error' in presented) return presented;
  if (id !== null && id !== presented.id) return invalidRequest('client_id is not the client');
  return presented;
}

/** RFC 7521 §4.2 and RFC 7523 §3: the client is the subject of what it signed. */
function readAssertion(
  type: string | null,
  jwt: string | null,
): PresentedClient | OAuthError | undefined {
  if (type === null && jwt === null) return undefined;
  if (type === null || jwt === null) {
    return invalidRequest('client_assertion and client_assertion_type belong together');
  }
  if (type !== jwtBearer) return { ...notAuthenticated, detail: 'unknown client_assertion_type' };
  const jws = readCompactJws(jwt);
  const sub = jws?.payload['sub'];
  if (jws === undefined || typeof sub !== 'string') {
    return { ...notAuthenticated, detail: 'the assertion is not a well-formed JWT with a sub' };
  }
  return { id: sub, assertion: { jwt, jws } };
}

function readBasic(header: string): PresentedClient | undefined {
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
