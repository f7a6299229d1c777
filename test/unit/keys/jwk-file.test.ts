import { createSecretKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { readPrivateKey } from '../../../src/keys/jwk-file.ts';
import { KeyError } from '../../../src/keys/key-error.ts';
import { thumbprint } from '../../../src/keys/public-jwk.ts';
import type { SigningAlgorithm } from '../../../src/keys/signer.ts';

const pair = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  otherRsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  otherP256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
  otherEd25519: generateKeyPairSync('ed25519').privateKey,
};
const secret = createSecretKey(randomBytes(64));

function jwk(key: KeyObject, extra: object = {}): Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }), ...extra };
}

function read(value: unknown, configured?: SigningAlgorithm) {
  return readPrivateKey(JSON.stringify(value), configured);
}

describe('the algorithm of a key', () => {
  const cases: [string, () => unknown, SigningAlgorithm | undefined, string][] = [
    ['what the JWK says', () => jwk(pair.rsa, { alg: 'PS512' }), 'RS256', 'PS512'],
    ['the configured one, when it fits', () => jwk(pair.rsa), 'RS384', 'RS384'],
    ['the usual one for RSA', () => jwk(pair.rsa), 'ES256', 'RS256'],
    ['the usual one for P-256', () => jwk(pair.p256), 'RS256', 'ES256'],
    ['the usual one for P-384', () => jwk(pair.p384), undefined, 'ES384'],
    ['the usual one for P-521', () => jwk(pair.p521), 'ES256', 'ES512'],
    ['Ed25519', () => jwk(pair.ed25519), 'RS256', 'Ed25519'],
    ['Ed25519 under its old name', () => jwk(pair.ed25519, { alg: 'EdDSA' }), undefined, 'Ed25519'],
    ['the configured one for HMAC', () => jwk(secret), 'HS512', 'HS512'],
    ['what the HMAC JWK says', () => jwk(secret, { alg: 'HS256' }), 'RS256', 'HS256'],
  ];
  it.each(cases)('is %s', (_, value, configured, alg) => {
    expect(read(value(), configured).alg).toBe(alg);
  });
});

describe('the name of a key', () => {
  it('is its own', () => {
    expect(read(jwk(pair.rsa, { kid: 'ключ 1' })).kid).toBe('ключ 1');
  });

  it('is its thumbprint otherwise', () => {
    expect(read(jwk(pair.p256)).kid).toBe(thumbprint(pair.p256));
  });

  it('is random for an HMAC key, and tells nothing about it', () => {
    const first = read(jwk(secret, { alg: 'HS256' })).kid;
    expect(first).not.toBe(read(jwk(secret, { alg: 'HS256' })).kid);
  });
});

describe('PEM', () => {
  const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1') =>
    key.export({ format: 'pem', type }).toString();

  it.each([
    ['PKCS#8 RSA', () => pem(pair.rsa, 'pkcs8'), 'RS256'],
    ['PKCS#1', () => pem(pair.rsa, 'pkcs1'), 'RS256'],
    ['PKCS#8 EC', () => pem(pair.p384, 'pkcs8'), 'ES384'],
    ['SEC1', () => pem(pair.p256, 'sec1'), 'ES256'],
    ['PKCS#8 Ed25519', () => pem(pair.ed25519, 'pkcs8'), 'Ed25519'],
    ['Windows line ends', () => pem(pair.p256, 'sec1').replaceAll('\n', '\r\n'), 'ES256'],
    [
      'EC parameters before the key',
      () =>
        `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(pair.p256, 'sec1')}`,
      'ES256',
    ],
  ])('reads %s', (_, text, alg) => {
    expect(readPrivateKey(text()).alg).toBe(alg);
  });

  const encrypted = pair.p256.export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: 'p',
  });
  const encryptedOldStyle = pair.p256.export({
    format: 'pem',
    type: 'sec1',
    cipher: 'aes-256-cbc',
    passphrase: 'p',
  });
  const rsaPss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey;
  const otherCurve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  const publicPem = generateKeyPairSync('ed25519').publicKey.export({
    format: 'pem',
    type: 'spki',
  });
  it.each([
    ['an encrypted key', String(encrypted), 'encrypted'],
    ['an encrypted key of the old style', String(encryptedOldStyle), 'encrypted'],
    ['a public key', String(publicPem), 'no private key'],
    ['two keys', pem(pair.p256, 'sec1') + pem(pair.p384, 'sec1'), 'more than one'],
    ['a key cut short', pem(pair.p256, 'sec1').slice(0, 80), 'damaged'],
    ['OpenSSH', '-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n', 'OpenSSH'],
    [
      'garbage',
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
      'does not hold a private key',
    ],
    ['an RSA-PSS key', pem(rsaPss, 'pkcs8'), 'rsa-pss'],
    ['another curve', pem(otherCurve, 'sec1'), 'secp256k1'],
  ])('refuses %s', (_, text, message) => {
    expect(() => readPrivateKey(text)).toThrow(new RegExp(message));
  });
});

const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
const text = (secretText: string) => Buffer.from(secretText).toString('base64url');
const { d: _, ...publicP256 } = jwk(pair.p256);

describe('a key is refused', () => {
  const cases: [string, unknown, string][] = [
    ['with a member twice', '{"kty":"oct","k":"AA","k":"BB"}', 'names a member twice'],
    ['as a placeholder', 'paste your key here', 'placeholder'],
    ['when empty', '', 'placeholder'],
    ['as broken JSON', '{"kty":', 'not JSON'],
    ['as a set', { keys: [jwk(pair.p256)] }, 'JWK Set'],
    ['without its private half', publicP256, 'not a private key'],
    ['of an unknown type', { kty: 'AKP' }, 'kty'],
    ['with an algorithm of another type', jwk(pair.rsa, { alg: 'ES256' }), 'does not fit'],
    ['with an algorithm of another curve', jwk(pair.p256, { alg: 'ES384' }), 'does not fit'],
    ['as an RSA key with an HMAC algorithm', jwk(pair.rsa, { alg: 'HS256' }), 'does not fit'],
    ['with an encryption algorithm', jwk(pair.rsa, { alg: 'RSA-OAEP' }), 'alg'],
    ['with HS384', jwk(secret, { alg: 'HS384' }), 'alg'],
    ['for encryption', jwk(pair.rsa, { use: 'enc' }), 'use'],
    ['when it may only verify', jwk(pair.rsa, { key_ops: ['verify'] }), 'key_ops'],
    ['when RSA has 1024 bits', jwk(smallRsa), '1024 bits'],
    [
      'when HS256 has 31 bytes',
      { kty: 'oct', alg: 'HS256', k: text('0123456789abcdef0123456789ABCDE') },
      '31 bytes',
    ],
    [
      'when HS512 has 32 bytes',
      jwk(createSecretKey(randomBytes(32)), { alg: 'HS512' }),
      '32 bytes',
    ],
    ['when HMAC has no algorithm', jwk(secret), '"alg"'],
    [
      'with text in place of base64url',
      { kty: 'oct', alg: 'HS256', k: 'my secret key, which is long enough!' },
      'base64url',
    ],
    [
      'with padding',
      { kty: 'oct', alg: 'HS256', k: `${randomBytes(32).toString('base64url')}=` },
      'base64url',
    ],
    ['with a number for a member', jwk(pair.p256, { d: 1 }), 'base64url'],
    ['without the RSA primes', jwk(pair.rsa, { p: undefined }), 'no "p"'],
    ['of three primes', jwk(pair.rsa, { oth: [] }), 'two primes'],
    ['with the wrong curve named', jwk(pair.p256, { crv: 'P-384' }), 'do not make a key'],
    [
      'on an unsupported curve',
      jwk(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
      'secp256k1',
    ],
    ['as X25519', jwk(generateKeyPairSync('x25519').privateKey), 'x25519'],
    [
      'with the modulus of another key',
      jwk(pair.rsa, { n: jwk(pair.otherRsa)['n'] }),
      'not of one key|do not make a key',
    ],
    [
      'with the private value of another EC key',
      jwk(pair.p256, { d: jwk(pair.otherP256)['d'] }),
      'not of one key|do not make a key',
    ],
    [
      'with the private value of another Ed25519 key',
      jwk(pair.ed25519, { d: jwk(pair.otherEd25519)['d'] }),
      'not of this key|do not make a key',
    ],
    ['with an empty kid', jwk(pair.p256, { kid: '' }), 'kid'],
    ['with a line break in its kid', jwk(pair.p256, { kid: 'a\nb' }), 'kid'],
    ['with a kid of 257 characters', jwk(pair.p256, { kid: 'k'.repeat(257) }), 'kid'],
    ['with a number for a kid', jwk(pair.p256, { kid: 7 }), 'kid'],
    [
      'as the example of RFC 7515 A.1',
      {
        kty: 'oct',
        alg: 'HS256',
        k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
      },
      'published',
    ],
    [
      'as the example of RFC 7515 A.3',
      {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
        d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
      },
      'published',
    ],
    [
      'as the example of RFC 8037',
      {
        kty: 'OKP',
        crv: 'Ed25519',
        d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      },
      'published',
    ],
    [
      "as jwt.io's secret",
      { kty: 'oct', alg: 'HS256', k: text('your-256-bit-secret') },
      'published',
    ],
    [
      "as jwt.io's longer secret",
      { kty: 'oct', alg: 'HS256', k: text('a-string-secret-at-least-256-bits-long') },
      'published',
    ],
    [
      'as one byte repeated',
      { kty: 'oct', alg: 'HS256', k: Buffer.alloc(32).toString('base64url') },
      'pattern',
    ],
    ['as a word repeated', { kty: 'oct', alg: 'HS256', k: text('secret'.repeat(8)) }, 'pattern'],
    [
      'as bytes counted up',
      {
        kty: 'oct',
        alg: 'HS256',
        k: Buffer.from(Array.from({ length: 32 }, (_, at) => at + 250)).toString('base64url'),
      },
      'pattern',
    ],
  ];
  it.each(cases)('%s', (_name, value, message) => {
    const given = typeof value === 'string' ? value : JSON.stringify(value);
    const reading = () => readPrivateKey(given, 'RS256');
    expect(reading).toThrow(KeyError);
    expect(reading).toThrow(new RegExp(message));
  });

  it('without a word of the key in the message', () => {
    const members = Object.entries(jwk(pair.rsa)).filter(
      ([name]) => name !== 'kty' && name !== 'e',
    );
    const broken = [{ alg: 'ES256' }, { use: 'enc' }, { d: '=' }, { n: jwk(pair.otherRsa)['n'] }];
    for (const extra of broken) {
      const message = messageOf(() => read(jwk(pair.rsa, extra)));
      for (const [, value] of members) expect(message).not.toContain(String(value).slice(0, 8));
    }
  });
});

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return String((error as Error).stack);
  }
  throw new Error('nothing was thrown');
}
