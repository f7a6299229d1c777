import { createHmac, createPublicKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { createKeyRing } from '../../../src/keys/key-ring.ts';
import type { PrivateKey } from '../../../src/keys/private-key.ts';
import { createSigner, signingAlgorithms } from '../../../src/keys/signer.ts';
import { createOwnTokenVerifier } from '../../../src/tokens/verify.ts';

const issuer = 'https://countersign.example.com';
const now = 1_800_000_000_000;
const seconds = now / 1000;
const [ours, older, hmac, stranger] = await Promise.all([
  generatePrivateKey('ES256'),
  generatePrivateKey('RS256'),
  generatePrivateKey('HS256'),
  generatePrivateKey('ES256'),
]);
const verify = createOwnTokenVerifier({
  issuer,
  keyRing: createKeyRing([ours, older, hmac]),
  now: () => now,
});

const claims = { iss: issuer, sub: 'alice', aud: 'orders', exp: seconds + 60 };
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

interface Parts {
  readonly header?: object | string;
  readonly payload?: unknown;
  readonly key?: PrivateKey;
}

async function token({ header = {}, payload = claims, key = ours }: Parts = {}): Promise<string> {
  const whole =
    typeof header === 'string' ? header : { alg: key.alg, kid: key.kid, typ: 'JWT', ...header };
  const input = `${encode(whole)}.${encode(payload)}`;
  return `${input}.${await createSigner(key).sign(input)}`;
}

describe('a token of this service', () => {
  it('is good, and its claims come out', async () => {
    const verified = await verify(await token());
    expect(verified).toEqual({
      claims,
      header: { alg: 'ES256', kid: ours.kid, typ: 'JWT' },
      kid: ours.kid,
    });
  });

  it.each(signingAlgorithms)('is good with %s', async (alg) => {
    const key = await generatePrivateKey(alg);
    const verifyOne = createOwnTokenVerifier({
      issuer,
      keyRing: createKeyRing([key]),
      now: () => now,
    });
    expect(await verifyOne(await token({ key }))).toMatchObject({ kid: key.kid });
  });

  it('is good with a key that no longer signs', async () => {
    expect(await verify(await token({ key: older }))).toMatchObject({ kid: older.kid });
  });

  it('keeps integers that a double cannot hold', async () => {
    const payload = `{"iss":"${issuer}","exp":${seconds + 60},"n":9007199254740993}`;
    expect(await verify(await token({ payload }))).toMatchObject({
      claims: { n: 9007199254740993n },
    });
  });

  it('is good to its last millisecond', async () => {
    const at = (time: number) =>
      createOwnTokenVerifier({ issuer, keyRing: createKeyRing([ours]), now: () => time });
    const jwt = await token({ payload: { ...claims, exp: seconds } });
    expect(await at(now - 1)(jwt)).toMatchObject({ kid: ours.kid });
    expect(await at(now)(jwt)).toBe('expired');
  });
});

/** What the attack that the name describes gives, all else being right. */
const hostile: [string, () => string | Promise<string>, string][] = [
  ['nothing', () => '', 'malformed'],
  ['two dots', () => '..', 'malformed'],
  ['text', () => 'not a token', 'malformed'],
  ['no signature part', async () => (await token()).split('.').slice(0, 2).join('.'), 'malformed'],
  ['four parts', async () => `${await token()}.AA`, 'malformed'],
  ['five parts, as of a JWE', async () => `${await token()}.AA.AA`, 'malformed'],
  ['a line break at the end', async () => `${await token()}\n`, 'malformed'],
  ['a space in front', async () => ` ${await token()}`, 'malformed'],
  ['padding', async () => `${await token()}==`, 'malformed'],
  ['standard base64', async () => `${await token()}`.replace(/.$/, '+'), 'malformed'],
  ['a last character with stray bits', async () => strayBits(await token()), 'malformed'],
  ['more than 16 KiB', () => token({ payload: { ...claims, x: 'x'.repeat(16_384) } }), 'malformed'],
  ['a header that is a list', () => token({ header: '[]' }), 'malformed'],
  ['a header that is not JSON', () => token({ header: '{"alg"' }), 'malformed'],
  ['a payload that is null', () => token({ payload: null }), 'malformed'],
  ['a payload that is a list', () => token({ payload: [claims] }), 'malformed'],
  ['iss twice', () => token({ payload: `{"iss":"x","iss":"${issuer}"}` }), 'malformed'],
  ['a byte order mark', () => token({ payload: `\ufeff${JSON.stringify(claims)}` }), 'malformed'],
  [
    'nesting without end',
    () => token({ payload: `${'['.repeat(2000)}${']'.repeat(2000)}` }),
    'malformed',
  ],
  ['__proto__', () => token({ payload: `{"iss":"${issuer}","__proto__":{}}` }), 'malformed'],
  ['crit', () => token({ header: { crit: ['exp'] } }), 'malformed'],
  ['an empty crit', () => token({ header: { crit: [] } }), 'malformed'],
  ['an unencoded payload', () => token({ header: { b64: false } }), 'malformed'],
  ['no alg', () => token({ header: { alg: undefined } }), 'malformed'],
  [
    'another issuer',
    () => token({ payload: { ...claims, iss: 'https://other' } }),
    'unknown_issuer',
  ],
  [
    'the issuer with a slash',
    () => token({ payload: { ...claims, iss: `${issuer}/` } }),
    'unknown_issuer',
  ],
  ['a list of issuers', () => token({ payload: { ...claims, iss: [issuer] } }), 'unknown_issuer'],
  ['no issuer', () => token({ payload: { exp: claims.exp } }), 'unknown_issuer'],
  ['a key that is not ours', () => token({ key: stranger }), 'unknown_key'],
  ['no kid', () => token({ header: { kid: undefined } }), 'unknown_key'],
  ['a kid of Object', () => token({ header: { kid: 'constructor' } }), 'unknown_key'],
  [
    'a key that is not ours under our kid',
    () => token({ key: stranger, header: { kid: ours.kid } }),
    'bad_signature',
  ],
  [
    'its own key in jwk',
    () => token({ key: stranger, header: { kid: ours.kid, jwk: publicJwkOf(stranger) } }),
    'bad_signature',
  ],
  [
    'a key at jku',
    () => token({ key: stranger, header: { kid: ours.kid, jku: 'https://127.0.0.1:1/' } }),
    'bad_signature',
  ],
  [
    'a key at x5u',
    () => token({ key: stranger, header: { kid: ours.kid, x5u: 'https://127.0.0.1:1/' } }),
    'bad_signature',
  ],
  [
    'alg none',
    async () => withoutSignature(await token({ header: { alg: 'none' } })),
    'bad_signature',
  ],
  [
    'alg none in capitals',
    async () => withoutSignature(await token({ header: { alg: 'nOnE' } })),
    'bad_signature',
  ],
  ['an empty signature', async () => withoutSignature(await token()), 'bad_signature'],
  [
    'a signature of zeros',
    async () => `${await token()}`.replace(/[^.]+$/, 'A'.repeat(86)),
    'bad_signature',
  ],
  ['HMAC with the public key as its secret', hmacWithPublicKey, 'bad_signature'],
  [
    'another algorithm of the same key',
    () => token({ key: { ...older, alg: 'PS256' } }),
    'bad_signature',
  ],
  [
    'the algorithm of another of our keys',
    () => token({ header: { alg: 'RS256' } }),
    'bad_signature',
  ],
  [
    'another payload',
    async () => withPayload(await token(), { ...claims, sub: 'admin' }),
    'bad_signature',
  ],
  ['an expiry in the past', () => token({ payload: { ...claims, exp: seconds - 1 } }), 'expired'],
  [
    'an expiry in the past, forged',
    async () => withPayload(await token(), { ...claims, exp: 1 }),
    'bad_signature',
  ],
  ['no expiry', () => token({ payload: { iss: issuer } }), 'malformed'],
  ['an expiry in words', () => token({ payload: { ...claims, exp: '9999999999' } }), 'malformed'],
  ['an endless expiry', () => token({ payload: `{"iss":"${issuer}","exp":1e999}` }), 'malformed'],
  [
    'an expiry beyond all integers',
    () => token({ payload: `{"iss":"${issuer}","exp":99999999999999999999}` }),
    'malformed',
  ],
];

describe('a token is not good with', () => {
  it.each(hostile)('%s', async (_, make, fault) => {
    expect(await verify(await make())).toBe(fault);
  });
});

function withoutSignature(jwt: string): string {
  return jwt.replace(/[^.]+$/, '');
}

function withPayload(jwt: string, payload: object): string {
  const [header, , signature] = jwt.split('.');
  return `${header}.${encode(payload)}.${signature}`;
}

/** The next character decodes to the same bytes: 64 bytes leave four bits of the last one unused. */
function strayBits(jwt: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return jwt.slice(0, -1) + alphabet[alphabet.indexOf(jwt.slice(-1)) + 1];
}

function publicJwkOf({ key }: PrivateKey): object {
  return createPublicKey(key).export({ format: 'jwk' });
}

function hmacWithPublicKey(): string {
  const secret = createPublicKey(ours.key).export({ format: 'pem', type: 'spki' });
  const input = `${encode({ alg: 'HS256', kid: ours.kid })}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
