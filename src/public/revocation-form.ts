import type { RuleTarget } from '../state/revocations.ts';
import { invalidRequest, type OAuthError } from './oauth-error.ts';

/** What a client asks to revoke: one token, or all that was issued to somebody up to a time. */
export type RevocationRequest =
  | { readonly token: string }
  | { readonly target: RuleTarget; readonly upTo: number };

const what = ['token', 'revoke_subject', 'revoke_client', 'revoke_key', 'revoke_all'];

/**
 * Reads the parameters of `POST /revoke`. Those of RFC 7009 §2.1 are `token` and `token_type_hint`,
 * which changes nothing; the others have names that no client authentication uses.
 *
 * @param now seconds since the epoch
 */
export function readRevocationForm(
  form: URLSearchParams,
  now: number,
): RevocationRequest | OAuthError {
  const given = what.filter((name) => form.has(name));
  if (given.length !== 1) return invalidRequest(`Give one of ${what.join(', ')}`);
  const token = form.get('token');
  if (token !== null) {
    if (form.has('issued_until')) return invalidRequest('issued_until does not go with token');
    return { token };
  }
  const target = readTarget(form);
  if ('error' in target) return target;
  const upTo = readTime(form.get('issued_until'), now);
  return typeof upTo === 'number' ? { target, upTo } : upTo;
}

function readTarget(form: URLSearchParams): RuleTarget | OAuthError {
  const subject = form.get('revoke_subject');
  const issuer = form.get('revoke_issuer');
  if ((subject === null) !== (issuer === null)) {
    return invalidRequest('revoke_subject and revoke_issuer go together');
  }
  if (subject !== null && issuer !== null) return { kind: 'subject', issuer, subject };
  const clientId = form.get('revoke_client');
  if (clientId !== null) return { kind: 'client', clientId };
  const kid = form.get('revoke_key');
  if (kid !== null) return { kind: 'key', kid };
  if (form.get('revoke_all') === 'true') return { kind: 'all' };
  return invalidRequest('revoke_all must be true');
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** @returns NumericDate, whole seconds; now when there is none */
function readTime(written: string | null, now: number): number | OAuthError {
  if (written === null) return Math.floor(now);
  const time = /^\d{1,12}$/.test(written)
    ? Number(written)
    : rfc3339.test(written)
      ? Math.floor(Date.parse(written) / 1000)
      : Number.NaN;
  if (Number.isNaN(time)) {
    return invalidRequest('issued_until must be a time: seconds since 1970, or as RFC 3339 has it');
  }
  // What is issued later would be revoked before it exists.
  return time > now ? invalidRequest('issued_until must not be later than now') : time;
}
