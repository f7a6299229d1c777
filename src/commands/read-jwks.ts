import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readJson } from '../exchange/strict-json.ts';
import type { Json, JsonObject } from '../exchange/types.ts';
import type { KeyRing, VerificationKey } from '../keys/key-ring.ts';
import { algorithmFits, isSigningAlgorithm } from '../keys/signer.ts';
import { ConfigurationError, UsageError } from './command.ts';

/**
 * Reads a JWK Set (RFC 7517 §5) from a file or a URL; keys of other kinds in it are left out.
 *
 * @param alg the token's algorithm, for keys that do not name theirs
 * @throws UsageError for http beyond this machine, ConfigurationError when there is no JWK Set
 */
export async function readJwks(
  source: string,
  alg: string,
): Promise<Pick<KeyRing, 'verificationKey'>> {
  const jwks = readJson(
    /^https?:/i.test(source) ? await fetchText(source) : await readText(source),
  );
  const keys = isObject(jwks) ? jwks['keys'] : undefined;
  if (!Array.isArray(keys)) throw new ConfigurationError(`${source}: not a JWK Set`);
  const byKid = new Map<string, VerificationKey>();
  for (const jwk of keys as readonly Json[]) {
    const key = isObject(jwk) ? importKey(jwk, alg) : undefined;
    if (key !== undefined) byKid.set(...key);
  }
  return { verificationKey: (kid) => byKid.get(kid) };
}

function importKey(jwk: JsonObject, tokenAlg: string): [string, VerificationKey] | undefined {
  const { kid, alg = tokenAlg } = jwk;
  if (typeof kid !== 'string' || !isSigningAlgorithm(alg)) return undefined;
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    return algorithmFits(alg, key) ? [kid, { alg, key }] : undefined;
  } catch {
    return undefined;
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(
      `${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;
const timeout = 5_000;
const mostCharacters = 1024 * 1024;

async function fetchText(source: string): Promise<string> {
  const url = URL.canParse(source) ? new URL(source) : undefined;
  if (url === undefined) throw new UsageError(`${source} is not a URL`);
  if (url.protocol === 'http:' && !loopback.test(url.hostname)) {
    throw new UsageError("Keys over http would be anybody's; use https");
  }
  const text = await fetchOnce(url).catch(() => undefined);
  if (text === undefined) throw new ConfigurationError(`${source}: no JWK Set came from there`);
  return text;
}

async function fetchOnce(url: URL): Promise<string | undefined> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeout) });
  if (!response.ok) return undefined;
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > mostCharacters) return undefined;
  }
  return text;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
