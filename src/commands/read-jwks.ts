import { readFile } from 'node:fs/promises';
import { fetchDocument, parseJsonObject } from '../issuers/fetch-document.ts';
import { readKeySet } from '../issuers/key-set.ts';
import { refuseUrl } from '../issuers/trusted-url.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { isSigningAlgorithm } from '../keys/signer.ts';
import { CommandError, UsageError } from './command.ts';

/**
 * Reads a JWK Set (RFC 7517 §5) from a file or a URL.
 *
 * @param alg the token's algorithm; keys that do not serve it are left out
 * @throws UsageError for a URL that is not to be trusted, CommandError without a JWK Set
 */
export async function readJwks(
  source: string,
  alg: string,
): Promise<Pick<KeyRing, 'verificationKey'>> {
  const document = /^https?:/i.test(source) ? await download(source) : await readDocument(source);
  const reading = readKeySet(document, [alg]);
  if (!reading.ok) throw new CommandError(`${source}: not a JWK Set, ${reading.reason}`);
  return {
    verificationKey(kid) {
      const key = reading.set.find(alg, kid);
      return key !== undefined && isSigningAlgorithm(alg) ? { alg, key } : undefined;
    },
  };
}

async function readDocument(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${path}: cannot be read (${error.code})`);
  });
  const document = parseJsonObject(text);
  if (document === undefined) throw new CommandError(`${path}: not a JSON object`);
  return document;
}

const maxBytes = 1024 * 1024;
const deadlineMs = 5_000;

async function download(url: string): Promise<Readonly<Record<string, unknown>>> {
  const problem = refuseUrl(url);
  if (problem !== undefined) throw new UsageError(`${url}: ${problem}`);
  const fetched = await fetchDocument({
    url,
    purpose: 'jwks',
    maxBytes,
    deadlineMs,
    parse: parseJsonObject,
  });
  if (!fetched.ok) throw new CommandError(`${url}: no JWK Set, ${fetched.reason}`);
  return fetched.document;
}
