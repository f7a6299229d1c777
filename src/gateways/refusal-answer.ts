import {
  describeReason,
  type RefusalKind,
  type RefusalReason,
  refusalReasons,
} from '../exchange/refusals.ts';
import type { CredentialKind, Refused } from '../exchange/types.ts';
import type { GatewayProfile } from './profile.ts';

export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface RefusalStyle {
  readonly format: 'problem' | 'x-custom-jwt';
  /** Tells the client the reason too: for the time of setting things up. */
  readonly verbose: boolean;
  /** Configured kinds, in order: each enabled scheme gets a challenge. */
  readonly kinds: readonly CredentialKind[];
}

export type RefusalWriter = (refused: Refused) => Answer;

/** Prepares every answer a gateway can get, so that a flood of refusals costs little. */
export function createRefusalWriter(profile: GatewayProfile, style: RefusalStyle): RefusalWriter {
  const prepare = (reason: RefusalReason, detail?: string) =>
    writeRefusal(profile, style, reason, detail);
  const prepared = new Map(refusalReasons.map((reason) => [reason, prepare(reason)]));
  return ({ reason, detail }) => {
    const answer = style.verbose ? undefined : prepared.get(reason);
    return answer ?? prepare(reason, detail);
  };
}

function writeRefusal(
  profile: GatewayProfile,
  style: RefusalStyle,
  reason: RefusalReason,
  detail: string | undefined,
): Answer {
  const { kind, says } = describeReason(reason);
  const status = statusFor(kind, profile);
  const verbose = style.verbose
    ? detail === undefined
      ? reason
      : `${reason}: ${detail}`
    : undefined;
  const { type, body } =
    style.format === 'problem'
      ? problem(status, says, verbose)
      : errorMessage(verbose === undefined ? undefined : `${says} (${verbose})`);
  const headers = ['Content-Type', type, 'Content-Length', `${Buffer.byteLength(body)}`];
  headers.push('Cache-Control', 'no-store');
  if (kind === 'credential') headers.push(...challenges(style.kinds, reason));
  if (kind === 'dependency') headers.push('Retry-After', '5');
  if (profile.bodyHeader !== undefined) headers.push(profile.bodyHeader, body);
  return { status, headers, body };
}

/** A dependency that is down is no fault of the credential: never 401, or clients drop good tokens. */
function statusFor(kind: RefusalKind, profile: GatewayProfile): number {
  switch (kind) {
    case 'credential':
      return 401;
    case 'request':
      return 403;
    case 'dependency':
      return profile.carries === 'all' ? 503 : 403;
  }
}

const titles: { readonly [status: number]: string } = {
  401: 'Unauthorized',
  403: 'Forbidden',
  503: 'Service Unavailable',
};

/** RFC 9457; ASCII, because it travels in a header too. */
function problem(status: number, says: string, verbose: string | undefined) {
  const title = titles[status];
  const members = { type: 'about:blank', title, status, detail: verbose ?? says };
  return { type: 'application/problem+json', body: ascii(JSON.stringify(members)) };
}

/** The answer of Kong's plugin, for clients that read it. */
function errorMessage(verbose: string | undefined) {
  const members = {
    ErrorMessage: 'You are not authorized to access to this service',
    ...(verbose !== undefined && { VerboseMessage: verbose }),
  };
  return { type: 'application/json', body: ascii(JSON.stringify(members)) };
}

function ascii(json: string): string {
  return json.replace(
    /[^\x20-\x7e]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * RFC 6750 §3.1: no error code when no bearer token was sent. `malformed_credential` is of other
 * kinds: a malformed token is an `invalid_token`.
 */
const bearerErrors: { readonly [reason in RefusalReason]?: string } = {
  duplicate_header: 'invalid_request',
  ambiguous_credential: 'invalid_request',
  invalid_token: 'invalid_token',
  token_expired: 'invalid_token',
  token_not_yet_valid: 'invalid_token',
  unknown_issuer: 'invalid_token',
  unknown_key: 'invalid_token',
  wrong_audience: 'invalid_token',
  wrong_type: 'invalid_token',
  revoked: 'invalid_token',
  inactive_token: 'invalid_token',
  unconfirmed_token: 'invalid_token',
};

/** One challenge for each enabled scheme, the main one first (RFC 9110 §11.6.1). */
function challenges(kinds: readonly CredentialKind[], reason: RefusalReason): string[] {
  const error = bearerErrors[reason];
  return kinds.flatMap((kind) => ['WWW-Authenticate', challenge(kind, error)]);
}

function challenge(kind: CredentialKind, error: string | undefined): string {
  switch (kind) {
    case 'bearer':
      return `Bearer realm="countersign"${error === undefined ? '' : `, error="${error}"`}`;
    case 'basic':
      return 'Basic realm="countersign", charset="UTF-8"';
    case 'api_key':
      return 'ApiKey realm="countersign"';
    case 'client_certificate':
      return 'ClientCertificate realm="countersign"';
  }
}
