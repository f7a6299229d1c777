import { decodeBase64 } from './base64.ts';

export type AuthorizationScheme = 'bearer' | 'basic' | 'unknown';

/**
 * Reads only the scheme, because every request asks. It is case-insensitive (RFC 9110 §11.1), and
 * one without anything behind it is still that scheme: present, and bad.
 */
export function authorizationScheme(value: string): AuthorizationScheme {
  if (/^bearer(?: |$)/i.test(value)) return 'bearer';
  if (/^basic(?: |$)/i.test(value)) return 'basic';
  return 'unknown';
}

/**
 * Reads `Bearer 1*SP token68` (RFC 6750 §2.1, RFC 9110 §11.2). A comma ends no credential: what a
 * gateway joined from two headers is malformed, not a choice.
 *
 * @returns the token, or undefined when the value is anything else
 */
export function readBearerToken(value: string): string | undefined {
  return /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(value)?.[1];
}

export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Reads `Basic 1*SP base64(user ":" password)` (RFC 7617 §2): UTF-8, split at the first colon, so
 * the password may contain more of them.
 *
 * @returns undefined when malformed, when the user is empty, or with a control character in either
 */
export function readBasicCredentials(value: string): BasicCredentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1];
  const pair = encoded === undefined ? undefined : readUtf8(decodeBase64(encoded));
  if (pair === undefined || /\p{Cc}/u.test(pair)) return undefined;
  const colon = pair.indexOf(':');
  if (colon < 1) return undefined;
  return { user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/** `ignoreBOM` keeps a byte order mark, or two spellings would name one user. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readUtf8(bytes: Uint8Array | undefined): string | undefined {
  try {
    return bytes && utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
