import { refuse } from '../../refusals.ts';
import type { OriginalRequest, Refused, Subject } from '../../types.ts';
import { authorizationScheme, readBasicCredentials } from '../authorization-header.ts';
import type { CredentialMethod } from '../credential-method.ts';
import type { Htpasswd } from './htpasswd.ts';
import type { PasswordChecks } from './password-check.ts';
import { createDummyHash } from './password-hash.ts';

export type BasicOptions =
  | { readonly trusted: true }
  | { readonly htpasswd: Htpasswd; readonly checks: PasswordChecks };

/** HTTP Basic (RFC 7617): the user name is the client, once its password is right or trusted. */
export function createBasicMethod(options: BasicOptions): CredentialMethod {
  const trusted = 'trusted' in options;
  const check = trusted ? undefined : createUserCheck(options.htpasswd, options.checks);
  return {
    kind: 'basic',
    trusted,
    find: findBasic,
    identify(text) {
      const credentials = readBasicCredentials(text);
      if (!credentials) return refuse('malformed_credential');
      const { user, password } = credentials;
      return check ? check(user, password) : describeUser(user);
    },
  };
}

function findBasic(request: OriginalRequest): string | undefined {
  const value = request.headers.get('authorization');
  return value !== undefined && authorizationScheme(value) === 'basic' ? value : undefined;
}

function createUserCheck(htpasswd: Htpasswd, checks: PasswordChecks) {
  const dummyHash = createDummyHash(htpasswd.values());
  return async (user: string, password: string): Promise<Subject | Refused> => {
    const known = htpasswd.get(user);
    // Unknown users take as long as known ones, or the time would tell which names exist.
    const hash = known ?? dummyHash;
    const correct = hash === undefined ? false : await checks.check(hash, password);
    if (correct === 'overloaded') return refuse('overloaded');
    return correct && known !== undefined ? describeUser(user) : refuse('wrong_password');
  };
}

/** A user has no end of its own: a changed file drops what was remembered. */
function describeUser(user: string): Subject {
  return {
    clientId: user,
    subject: user,
    claims: {},
    credential: { type: 'basic', username: user },
    expiresAt: Infinity,
    reusableUntil: Infinity,
  };
}
