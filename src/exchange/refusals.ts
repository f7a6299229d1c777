import type { Refused } from './types.ts';

/**
 * Every reason to say no. The code is for logs and metrics; the answer to the client is made of
 * `kind` and `says`, which tell less. `detail` of a refusal never leaves the process.
 *
 * - `credential`: 401 with a challenge: missing, bad, duplicated, aliased or ambiguous.
 * - `request`: 403: route, `require`, host, size or caller.
 * - `dependency`: 503 with Retry-After, where the gateway can carry it: nothing usable is left.
 */
const reasons = {
  no_credential: { kind: 'credential', says: 'A credential is required' },
  unknown_scheme: { kind: 'credential', says: 'The authorization scheme is not accepted here' },
  malformed_credential: { kind: 'credential', says: 'The credential is malformed' },
  duplicate_header: { kind: 'credential', says: 'A header came more than once' },
  aliased_header: { kind: 'credential', says: 'A header came under another spelling' },
  nominated_header: { kind: 'credential', says: 'The Connection header names a protected header' },
  ambiguous_credential: { kind: 'credential', says: 'More than one credential was sent' },
  wrong_stated_credential: { kind: 'credential', says: 'The credential is not accepted' },
  invalid_token: { kind: 'credential', says: 'The access token is invalid' },
  token_expired: { kind: 'credential', says: 'The access token expired' },
  token_not_yet_valid: { kind: 'credential', says: 'The access token is not valid yet' },
  unknown_issuer: { kind: 'credential', says: 'The access token is invalid' },
  unknown_key: { kind: 'credential', says: 'The access token is invalid' },
  wrong_audience: { kind: 'credential', says: 'The access token is invalid' },
  wrong_type: { kind: 'credential', says: 'The access token is invalid' },
  revoked: { kind: 'credential', says: 'The access token is invalid' },
  inactive_token: { kind: 'credential', says: 'The access token is invalid' },
  no_client_id: { kind: 'credential', says: 'The credential does not name a client' },
  unconfirmed_token: { kind: 'credential', says: 'The access token is bound to another key' },
  wrong_password: { kind: 'credential', says: 'The user name or password is wrong' },
  unknown_api_key: { kind: 'credential', says: 'The API key is not accepted' },
  api_key_expired: { kind: 'credential', says: 'The API key is not accepted' },
  malformed_certificate: { kind: 'credential', says: 'The client certificate is malformed' },
  untrusted_certificate: { kind: 'credential', says: 'The client certificate is not accepted' },
  no_consumer: { kind: 'credential', says: 'No consumer was authenticated' },
  anonymous_consumer: { kind: 'credential', says: 'No consumer was authenticated' },
  no_route: { kind: 'request', says: 'Nothing is served here' },
  ambiguous_path: { kind: 'request', says: 'The path is ambiguous' },
  malformed_request: { kind: 'request', says: 'The original request is malformed or incomplete' },
  too_many_headers: { kind: 'request', says: 'The request has too many headers' },
  unknown_host: { kind: 'request', says: 'The host is not served here' },
  no_audience: { kind: 'request', says: 'No audience applies to this request' },
  requirement: { kind: 'request', says: 'The caller may not do this' },
  claim_failed: { kind: 'request', says: 'A claim could not be made' },
  header_failed: { kind: 'request', says: 'A header could not be made' },
  token_too_large: { kind: 'request', says: 'The token is too large' },
  wrong_caller: { kind: 'request', says: 'The caller is not a gateway of this service' },
  internal_error: { kind: 'request', says: 'The request could not be decided' },
  issuer_unavailable: { kind: 'dependency', says: 'An identity provider cannot be reached' },
  signer_unavailable: { kind: 'dependency', says: 'No token can be signed now' },
  state_unavailable: { kind: 'dependency', says: 'Revocations cannot be read' },
  audit_unavailable: { kind: 'dependency', says: 'The request cannot be recorded now' },
  overloaded: { kind: 'dependency', says: 'Too many checks at once' },
} as const satisfies Record<string, { kind: RefusalKind; says: string }>;

export type RefusalKind = 'credential' | 'request' | 'dependency';
export type RefusalReason = keyof typeof reasons;

export const refusalReasons = Object.keys(reasons) as RefusalReason[];

/** @returns how a reason is answered: its kind picks the status, `says` is all the client learns. */
export function describeReason(reason: RefusalReason): { kind: RefusalKind; says: string } {
  return reasons[reason];
}

/** @param detail for the log; never a credential, a key or a whole claim value */
export function refuse(reason: RefusalReason, detail?: string): Refused {
  return { allowed: false, reason, detail };
}

/** Tells a refusal from any other object that a step of the core may return. */
export function isRefused(value: object): value is Refused {
  return (value as Partial<Refused>).allowed === false;
}
