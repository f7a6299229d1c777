/** The plain values that the core takes and returns. Nothing here knows HTTP, files or the clock. */

import type { KeyObject } from 'node:crypto';
import type { RefusalReason } from './refusals.ts';

/** Any JSON value; integers beyond 2^53 are kept exact as `bigint`. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: Json;
}

/** The claims set of a token (RFC 7519 §4). */
export type Claims = JsonObject;

export type CredentialKind = 'bearer' | 'basic' | 'client_certificate' | 'api_key';

/** Who the gateway says is calling: Kong's consumer, as its security plugins established it. */
export interface Consumer {
  readonly id: string | undefined;
  readonly custom_id: string | undefined;
  readonly username: string | undefined;
  readonly credential_identifier: string | undefined;
  readonly anonymous: boolean;
}

/** The headers of the original request that decide something; names in lower case. */
export interface RequestHeaders {
  /** The one value of a header that was declared when the configuration was read. */
  get(name: string): string | undefined;
  /** Every header by lower-case name, for expressions that compute the name. */
  all(): JsonObject;
}

/** The request that reached the gateway, as the gateway's profile read it. */
export interface OriginalRequest {
  /** The name under which the gateway is configured. */
  readonly gateway: string;
  readonly method: string;
  /** `http` or `https`; undefined when the gateway did not say. */
  readonly scheme: string | undefined;
  /** Lower case, without trailing dot and without the scheme's own port. */
  readonly host: string;
  /** Raw bytes, never normalised; starts with `/`. */
  readonly path: string;
  /** Raw, without the `?`. */
  readonly query: string;
  readonly headers: RequestHeaders;
  /** The client certificate header exactly as it came, when the profile reads one and it is set. */
  readonly certificate: string | undefined;
  /** Decodes `certificate` to DER, leaf first; undefined when it is malformed. */
  readonly decodeCertificate: (header: string) => readonly Uint8Array[] | undefined;
  /** The consumer; undefined when this gateway states none. */
  readonly consumer: Consumer | undefined;
  /** This gateway lets nobody through without a consumer. */
  readonly consumerRequired: boolean;
  /** The backend's URL, for gateways that state it (empty when they did not); else undefined. */
  readonly upstreamUrl: string | undefined;
  /** Which credential the gateway says it verified (`X-Countersign-Credential`). */
  readonly statedCredential: string | undefined;
}

/** Who the caller is, once a credential was verified or trusted. */
export interface Subject {
  readonly clientId: string;
  /** `sub` of the source, or what names the caller best for this kind. */
  readonly subject: string;
  /** Claims of the incoming credential; empty for kinds that carry none. */
  readonly claims: Claims;
  /** What CEL sees as `credential`: `type`, and what that type has. */
  readonly credential: JsonObject;
  /** NumericDate (seconds) after which the source is no longer valid; Infinity if it has no end. */
  readonly expiresAt: number;
  /** Milliseconds since the epoch until which this answer may be used again without asking anew. */
  readonly reusableUntil: number;
}

/** A signed token and the facts about it that logs and caches need. */
export interface MintedToken {
  /** Compact JWS, without any scheme. */
  readonly jwt: string;
  readonly jti: string;
  readonly kid: string;
  /** NumericDate, seconds. */
  readonly iat: number;
  /** NumericDate, seconds. */
  readonly exp: number;
}

/** Let the request through, with a token. Immutable, and shared by all requests that reuse it. */
export interface Allowed {
  readonly allowed: true;
  readonly token: MintedToken;
  /** Header lines to set on the request, name and value in turn: the token header and `token.headers`. */
  readonly headers: readonly string[];
  /** For the decision log. */
  readonly clientId: string;
  readonly credential: CredentialKind | 'anonymous';
  /** `jti` of the source token, when it had one. */
  readonly sourceJti: string | undefined;
  readonly route: string;
  /** As it was written already: a token that is handed out again is written the same way each time. */
  written?: WrittenForms;
}

/** Kept with the decision, so that they end with it. */
export interface WrittenForms {
  /** Head of an HTTP answer, names and values in turn. */
  httpHead?: readonly string[];
  /** The bytes of an ext_authz answer. */
  checkResponse?: Uint8Array;
  /** Members of a JSON object, for logs. */
  description?: string;
}

/** @returns the forms of a decision, to read and to add to */
export function writtenForms(allowed: Allowed): WrittenForms {
  allowed.written ??= {};
  return allowed.written;
}

/** Turn the request away. `detail` is for the log only and never holds a credential. */
export interface Refused {
  readonly allowed: false;
  readonly reason: RefusalReason;
  readonly detail: string | undefined;
}

export type Decision = Allowed | Refused;

/** Signs with one key. Made once, when keys are read; never per request. */
export interface Signer {
  readonly kid: string;
  /** JWS algorithm (RFC 7518 §3.1, RFC 9864). */
  readonly alg: string;
  /**
   * @param signingInput `BASE64URL(header) . BASE64URL(payload)`, ASCII
   * @returns the signature in base64url; a promise where the work is done off the main thread, or
   *   elsewhere: it rejects with `SignerUnavailable` when a key outside this process cannot be used
   */
  sign(signingInput: string): string | Promise<string>;
  /** Whether one more signature would be refused; a key that is never too busy has none. */
  isFull?(): boolean;
}

/** The current keys of one trusted issuer. */
export interface IssuerKeys {
  /** @returns the key for a JOSE header, or why there is none. Never throws. */
  find(header: {
    readonly alg: string;
    readonly kid: string | undefined;
  }): IssuerKey | Promise<IssuerKey>;
}
export type IssuerKey = KeyObject | 'unknown_key' | 'issuer_unavailable';

/** Asks an authorization server about an opaque token (RFC 7662). Never throws. */
export interface Introspector {
  /** @returns the claims of an active token with the time (ms) until which that may be believed */
  introspect(
    token: string,
  ): Promise<
    { readonly claims: Claims; readonly reusableUntil: number } | 'inactive' | 'issuer_unavailable'
  >;
}
