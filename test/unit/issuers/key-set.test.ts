import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createFileKeys } from '../../../src/issuers/file-keys.ts';
import { readKeySet } from '../../../src/issuers/key-set.ts';
import { createTestLog, identify, makeJwk } from './provider.ts';

const all = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'Ed25519',
  'EdDSA',
];
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaJwk = rsa.publicKey.export({ format: 'jwk' });
const ed25519Jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const p384Jwk = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({
  format: 'jwk',
});
const p521Jwk = generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey.export({
  format: 'jwk',
});

function read(keys: readonly unknown[], algorithms: readonly string[] = all) {
  const reading = readKeySet({ keys }, algorithms);
  if (!reading.ok) throw new Error(reading.reason);
  return reading.set;
}

function served(jwk: object, algorithms: readonly string[] = all): readonly string[] {
  const set = read([{ ...jwk, kid: 'k' }], algorithms);
  return all.filter((alg) => set.find(alg, 'k') !== undefined);
}

describe('a key', () => {
  it.each([
    ['RSA', rsaJwk, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['P-256', makeJwk(), ['ES256']],
    ['P-384', p384Jwk, ['ES384']],
    ['P-521', p521Jwk, ['ES512']],
    ['Ed25519', ed25519Jwk, ['Ed25519', 'EdDSA']],
    ['RSA with an alg', { ...rsaJwk, alg: 'PS256' }, ['PS256']],
    ['Ed25519 with the old name', { ...ed25519Jwk, alg: 'EdDSA' }, ['EdDSA']],
    ['for signatures', makeJwk({ use: 'sig', key_ops: ['verify'] }), ['ES256']],
  ])('%s serves the algorithms that fit', (_name, jwk, algorithms) => {
    expect(served(jwk)).toEqual(algorithms);
  });

  it('serves only algorithms that the configuration accepts', () => {
    expect(served(rsaJwk, ['RS256', 'ES256'])).toEqual(['RS256']);
    expect(served(rsaJwk, ['HS256', 'none'])).toEqual([]);
  });

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
    format: 'jwk',
  });
  const point = makeJwk();
  it.each<[string, unknown, string]>([
    ['for encryption', { ...rsaJwk, use: 'enc' }, 'its use is not sig'],
    ['for other operations', { ...rsaJwk, key_ops: ['encrypt'] }, 'its key_ops lack verify'],
    ['with malformed operations', { ...rsaJwk, key_ops: 'verify' }, 'its key_ops lack verify'],
    ['for an algorithm of encryption', { ...rsaJwk, alg: 'RSA-OAEP' }, 'no algorithm'],
    ['for an algorithm of another type', makeJwk({ alg: 'RS256' }), 'no algorithm'],
    ['for an algorithm of another curve', makeJwk({ alg: 'ES384' }), 'no algorithm'],
    ['with an alg that is no text', makeJwk({ alg: ['ES256'] }), 'no algorithm'],
    ['of another type', { kty: 'AKP', pub: 'AAAA' }, 'no algorithm'],
    ['whose curve belongs to another type', { ...point, kty: 'OKP' }, 'no algorithm'],
    ['on another curve', makeJwk({ crv: 'secp256k1' }), 'no algorithm'],
    ['for key agreement', { ...ed25519Jwk, crv: 'X25519' }, 'no algorithm'],
    ['that is symmetric', { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' }, 'private or symmetric'],
    ['with its private half', rsa.privateKey.export({ format: 'jwk' }), 'private or symmetric'],
    ['of 1024 bits', weak, 'modulus'],
    ['with the exponent 1', { ...rsaJwk, e: 'AQ' }, 'exponent'],
    ['with a point beside the curve', { ...point, y: point['x'] }, 'not a valid key'],
    ['without its numbers', { kty: 'RSA' }, 'not a valid key'],
    ['with numbers that are no text', { ...rsaJwk, n: 5 }, 'not a valid key'],
    ['with a kid that is no text', makeJwk({ kid: 1 }), 'its kid'],
    ['with a long kid', makeJwk({ kid: 'k'.repeat(257) }), 'its kid'],
    ['that is null', null, 'not an object'],
    ['that is a list', [], 'not an object'],
  ])('%s is left out and the others stay', (_name, jwk, reason) => {
    const set = read([jwk, { ...ed25519Jwk, kid: 'good' }]);
    expect(set.size).toBe(1);
    expect(set.skipped).toEqual([expect.stringMatching(`^keys\\[0\\]: .*${reason}`)]);
    expect(identify(set.find('Ed25519', 'good'))).toBe(ed25519Jwk.x);
  });

  it('is imported without members that are not its own', () => {
    const set = read([{ ...makeJwk({ kid: 'k' }), x5u: 'https://evil.example.com', n: 'AQAB' }]);
    expect(set.find('ES256', 'k')?.asymmetricKeyType).toBe('ec');
  });
});

describe('a key set', () => {
  it.each([
    ['no keys', {}],
    ['keys that are no list', { keys: {} }],
    ['more than 100 keys', { keys: Array(101).fill({}) }],
  ])('with %s is refused', (_name, document) => {
    expect(readKeySet(document, all)).toMatchObject({ ok: false });
  });

  it('with 100 keys is read', () => {
    expect(readKeySet({ keys: Array(100).fill({}) }, all)).toMatchObject({ ok: true });
  });

  it('gives a key for its id only', () => {
    const set = read([makeJwk({ kid: 'a' }), makeJwk({ kid: 'b' })]);
    expect(set.find('ES256', 'b')).toBeDefined();
    expect(set.find('ES256', 'c')).toBeUndefined();
    expect(set.find('ES256', '__proto__')).toBeUndefined();
    expect(set.find('constructor', 'a')).toBeUndefined();
    expect([set.knows('a'), set.knows('c')]).toEqual([true, false]);
  });

  it('gives a token without key id the key that fits when there is exactly one', () => {
    const key = makeJwk();
    expect(identify(read([key, rsaJwk]).find('ES256', undefined))).toBe(key['x']);
    expect(read([key, makeJwk({ kid: 'b' })]).find('ES256', undefined)).toBeUndefined();
    expect(read([rsaJwk]).find('ES256', undefined)).toBeUndefined();
  });

  it('keeps keys with one id apart by algorithm, and else takes the first', () => {
    const [first, second] = [makeJwk({ kid: 'k' }), makeJwk({ kid: 'k' })];
    const set = read([first, { ...rsaJwk, kid: 'k' }, second]);
    expect(identify(set.find('ES256', 'k'))).toBe(first['x']);
    expect(identify(set.find('RS256', 'k'))).toBe(rsaJwk.n);
    expect(set.size).toBe(2);
  });

  it('has a fingerprint that changes with the usable keys and with nothing else', () => {
    const [a, b] = [makeJwk({ kid: 'a' }), makeJwk({ kid: 'b' })];
    const { fingerprint } = read([a, b]);
    expect(read([b, { kty: 'oct' }, { ...a, x5t: 'AAAA' }]).fingerprint).toBe(fingerprint);
    expect(read([a]).fingerprint).not.toBe(fingerprint);
    expect(read([a, { ...b, kid: 'c' }]).fingerprint).not.toBe(fingerprint);
    expect(read([a, makeJwk({ kid: 'b' })]).fingerprint).not.toBe(fingerprint);
  });
});

describe('keys from a file', () => {
  const open = (value: unknown) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const log = createTestLog();
    return { keys: createFileKeys({ text, algorithms: all, log }), log };
  };

  it('are found at once', () => {
    const jwk = makeJwk({ kid: 'k' });
    const { keys, log } = open({ keys: [jwk, { kty: 'AKP' }] });
    expect(identify(keys.find({ alg: 'ES256', kid: 'k' }))).toBe(jwk['x']);
    expect(keys.find({ alg: 'ES256', kid: 'other' })).toBe('unknown_key');
    expect(log.lines).toEqual([expect.stringContaining('keys[1]: it serves no algorithm')]);
  });

  it.each<[string, unknown, string]>([
    ['is no JSON', '{"k":"c2VjcmV0', 'the JWK set is not a JSON object'],
    ['is a single key', makeJwk(), 'the JWK set is not usable: it has no keys'],
    ['is empty', { keys: [] }, 'the JWK set has no usable key: it is empty'],
    [
      'holds only a secret',
      { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] },
      'the JWK set has no usable key: keys[0]: it holds private or symmetric key material',
    ],
  ])('are an error without secrets when the file %s', (_name, value, message) => {
    expect(() => open(value)).toThrow(new Error(message));
  });
});
