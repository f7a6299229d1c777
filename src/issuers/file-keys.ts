import type { IssuerKeys } from '../exchange/types.ts';
import { parseJsonObject } from './fetch-document.ts';
import { readKeySet } from './key-set.ts';
import type { Log } from './log.ts';

export interface FileKeysSettings {
  /** What the file holds: a JWK set (RFC 7517 §5). */
  readonly text: string;
  /** The JWS algorithms that are accepted. */
  readonly algorithms: readonly string[];
  readonly log: Log;
}

/**
 * The keys of an issuer, or of a client, from a file as it was read.
 *
 * @throws Error saying what is wrong with the file, without quoting it: it may hold a private key
 */
export function createFileKeys({ text, algorithms, log }: FileKeysSettings): IssuerKeys {
  const document = parseJsonObject(text);
  if (document === undefined) throw new Error('the JWK set is not a JSON object');
  const reading = readKeySet(document, algorithms);
  if (!reading.ok) throw new Error(`the JWK set is not usable: ${reading.reason}`);
  const { set } = reading;
  if (set.size === 0) {
    throw new Error(`the JWK set has no usable key: ${set.skipped.join('; ') || 'it is empty'}`);
  }
  if (set.skipped.length > 0) log.warn({ skipped: set.skipped }, 'keys of a JWK set are not used');
  return { find: ({ alg, kid }) => set.find(alg, kid) ?? 'unknown_key' };
}
