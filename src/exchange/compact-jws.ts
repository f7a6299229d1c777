import { LRUCache } from 'lru-cache';
import { isJsonObject, type JsonBounds, readJson, strangersBounds } from './strict-json.ts';
import type { JsonObject } from './types.ts';

/** A JWT in JWS compact serialization (RFC 7515 §7.1), read strictly and not verified. */
export interface CompactJws {
  readonly header: JoseHeader;
  readonly payload: JsonObject;
}

export interface JoseHeader {
  readonly alg: string;
  readonly kid: string | undefined;
  /** Lower case and without `application/` (RFC 7515 §4.1.9). */
  readonly typ: string | undefined;
  readonly all: JsonObject;
}

/** Larger than any token that fits through the header limits of common gateways. */
export const maxTokenLength = 16 * 1024;

const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)$/;
const control = /[\u0000-\u001f\u007f-\u009f]/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a compact JWS: three canonical base64url parts, strict JSON objects, a header that asks for
 * nothing unusual. Several strings decode to one token, so anything not canonical is refused.
 * `jku`, `jwk`, `x5u` and `x5c` in the header never choose a key.
 *
 * @returns undefined for anything else
 */
export function readCompactJws(
  token: string,
  bounds: JsonBounds = strangersBounds,
): CompactJws | undefined {
  if (token.length > maxTokenLength) return undefined;
  const parts = compact.exec(token);
  if (parts === null) return undefined;
  const [, headerPart = '', payloadPart = '', signaturePart = ''] = parts;
  if (!isCanonical(signaturePart)) return undefined;
  const header = headerOf(headerPart);
  const payload = readPart(payloadPart, bounds);
  return header && payload && { header, payload };
}

/** One key of an issuer writes the same header into all its tokens. */
const headers = new LRUCache<string, JoseHeader>({ max: 100 });
const longestKeptHeader = 1024;

function headerOf(part: string): JoseHeader | undefined {
  const known = headers.get(part);
  if (known !== undefined) return known;
  const header = readHeader(readPart(part));
  if (header !== undefined && part.length <= longestKeptHeader) headers.set(part, header);
  return header;
}

function readHeader(all: JsonObject | undefined): JoseHeader | undefined {
  if (all === undefined) return undefined;
  const { alg, kid, typ } = all;
  // RFC 7515 §4.1.11: what `crit` names must be understood, and we understand none; RFC 7797 §7.
  const unusual = 'crit' in all || 'b64' in all || 'enc' in all || 'zip' in all;
  if (unusual || typeof alg !== 'string' || !isIdentifier(kid) || !isIdentifier(typ)) {
    return undefined;
  }
  return { alg, kid, typ: typ?.toLowerCase().replace(/^application\//, ''), all };
}

function isIdentifier(value: unknown): value is string | undefined {
  if (value === undefined) return true;
  return typeof value === 'string' && value.length <= 256 && !control.test(value);
}

function readPart(part: string, bounds?: JsonBounds): JsonObject | undefined {
  if (!isCanonical(part)) return undefined;
  try {
    const value = readJson(utf8.decode(Buffer.from(part, 'base64url')), bounds);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // not UTF-8
  }
}

/** The unused bits of the last character are zero (RFC 4648 §3.5). */
function isCanonical(part: string): boolean {
  switch (part.length % 4) {
    case 0:
      return true;
    case 2:
      return 'AQgw'.includes(part.at(-1) ?? '');
    case 3:
      return 'AEIMQUYcgkosw048'.includes(part.at(-1) ?? '');
    default:
      return false;
  }
}
