import { createHash } from 'node:crypto';
import { refuse } from '../../refusals.ts';
import type { Consumer, JsonObject, Refused, Subject } from '../../types.ts';
import type { CredentialMethod } from '../credential-method.ts';
import type { ApiKeys } from './api-keys-file.ts';

/** `header` names the one header that carries the key; `now` is in milliseconds. */
export type ApiKeyOptions =
  | { readonly header: string; readonly trusted: true }
  | { readonly header: string; readonly keys: ApiKeys; readonly now: () => number };

/** An API key in a header: its owner is the client when verified, else whom the gateway states. */
export function createApiKeyMethod(options: ApiKeyOptions): CredentialMethod {
  const header = options.header.toLowerCase();
  const trusted = 'trusted' in options;
  return {
    kind: 'api_key',
    trusted,
    find: (request) => request.headers.get(header),
    identify(key, request) {
      // Field values are visible characters, spaces, tabs and bytes above 127 (RFC 9110 §5.5).
      if (!/^[\t\x20-\x7e\x80-\xff]+$/.test(key)) return refuse('malformed_credential');
      return trusted
        ? describeTrusted(key, request.consumer)
        : verifyKey(key, options.keys, options.now());
    },
  };
}

/**
 * The lookup need not take constant time: it compares hashes, and one who cannot choose the hash
 * learns nothing about the key from how many of its characters match.
 */
function verifyKey(key: string, keys: ApiKeys, now: number): Subject | Refused {
  const entry = keys.get(sha256(key).toString('hex'));
  if (!entry) return refuse('unknown_api_key');
  if (now >= entry.expires) return refuse('api_key_expired');
  const { owner, claims, expires } = entry;
  return {
    clientId: owner,
    subject: owner,
    claims,
    credential: { type: 'api_key', key, owner },
    expiresAt: Math.floor(expires / 1000),
    reusableUntil: expires,
  };
}

function describeTrusted(key: string, consumer: Consumer | undefined): Subject {
  const clientId = statedConsumer(consumer) ?? pseudonym(key);
  const credential: JsonObject = { type: 'api_key', key };
  return {
    clientId,
    subject: clientId,
    claims: {},
    credential,
    expiresAt: Infinity,
    reusableUntil: Infinity,
  };
}

function statedConsumer(consumer: Consumer | undefined): string | undefined {
  if (!consumer || consumer.anonymous) return undefined;
  return consumer.custom_id || consumer.id || undefined;
}

/**
 * Names the holder of a key without telling the key: 128 bits of a hash that is used for nothing
 * else, so the name is not the `sha256` of a keys file.
 */
function pseudonym(key: string): string {
  const hash = sha256(`countersign: client_id of an API key\0${key}`);
  return `apikey-${hash.subarray(0, 16).toString('base64url')}`;
}

/** Header values are strings of bytes (latin1), so these are the bytes that came. */
function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'latin1').digest();
}
