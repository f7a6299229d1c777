import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { readPrivateKey } from './jwk-file.ts';
import { KeyError } from './key-error.ts';
import { publicJwk } from './public-jwk.ts';
import type { Ring, RingKey } from './rotation.ts';
import { algorithmFits, signingAlgorithms } from './signer.ts';

const time = z.iso.datetime().transform((text) => Date.parse(text));

const keySchema = z.looseObject({
  kid: z.string().min(1).max(256),
  alg: z.enum(signingAlgorithms),
  state: z.enum(['staged', 'active', 'retiring']),
  created: time,
  since: time,
  until: time.optional(),
  token_life_ms: z.number().min(0),
});

const ringSchema = z.strictObject({
  version: z.int().min(1),
  keys: z.array(keySchema).min(1),
  dropped: z.array(z.strictObject({ kid: z.string(), until: time })),
});

/**
 * @returns a ring as a JWK Set (RFC 7517 §5) with a few members more: it holds private keys
 */
export function writeRing({ version, keys, dropped }: Ring): string {
  const document = {
    version,
    keys: keys.map(writeKey),
    dropped: dropped.map(({ kid, until }) => ({ kid, until: writeTime(until) })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function writeKey({ kid, alg, key, state, createdAt, since, until, tokenLife }: RingKey): object {
  return {
    ...{ kid, alg, use: 'sig', state, created: writeTime(createdAt), since: writeTime(since) },
    ...(state !== 'active' && { until: writeTime(until) }),
    token_life_ms: tokenLife,
    ...key.export({ format: 'jwk' }),
  };
}

function writeTime(at: number): string {
  return new Date(at).toISOString();
}

/** @throws KeyError for anything that `writeRing` did not write, or whose keys are not sound */
export function readRing(text: string): Ring {
  const parsed = ringSchema.safeParse(parse(text));
  if (!parsed.success) throw new KeyError('is not a key ring');
  const { version, keys, dropped } = parsed.data;
  const ring = { version, keys: keys.map(readKey), dropped };
  const kids = new Set(ring.keys.map(({ kid }) => kid));
  if (kids.size < ring.keys.length) throw new KeyError('names two keys alike');
  if (ring.keys.filter(({ state }) => state === 'active').length > 1) {
    throw new KeyError('has two active keys');
  }
  return ring;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not the error: its message quotes the text
  }
}

function readKey(written: z.output<typeof keySchema>): RingKey {
  const { kid, alg, state, created: createdAt, since, until, token_life_ms: tokenLife } = written;
  const ends = until ?? Number.MAX_SAFE_INTEGER;
  return { kid, alg, key: importKey(written), state, createdAt, since, until: ends, tokenLife };
}

function importKey(jwk: z.output<typeof keySchema>): KeyObject {
  if (jwk.state !== 'retiring' || jwk['kty'] === 'oct')
    return readPrivateKey(JSON.stringify(jwk)).key;
  const key = importPublic(jwk as JsonWebKey);
  if (key === undefined || !algorithmFits(jwk.alg, key)) {
    throw new KeyError('has a public key that is none, or not one for its algorithm');
  }
  return key;
}

function importPublic(jwk: JsonWebKey): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    // Whatever else stands there, such as a private half, is left behind.
    return createPublicKey({ key: publicJwk(key) as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}
