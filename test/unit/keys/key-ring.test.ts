import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { createKeyRing } from '../../../src/keys/key-ring.ts';
import { readKeyRing } from '../../../src/keys/open-keys.ts';

const [rsa, ec, okp, hmac] = await Promise.all([
  generatePrivateKey('PS256'),
  generatePrivateKey('ES256'),
  generatePrivateKey('Ed25519'),
  generatePrivateKey('HS256'),
]);

describe('a key ring', () => {
  it('signs with the first key and verifies with all', () => {
    const ring = createKeyRing([ec, rsa, hmac]);
    expect(ring.signer.kid).toBe(ec.kid);
    expect(ring.verificationKey(rsa.kid)?.key.type).toBe('public');
    expect(ring.verificationKey(hmac.kid)).toEqual({ alg: 'HS256', key: hmac.key });
    expect(ring.verificationKey('another')).toBeUndefined();
    expect(ring.verificationKey('__proto__')).toBeUndefined();
  });

  it('publishes public members only', () => {
    const members = createKeyRing([rsa, ec, okp, hmac]).publicKeys.map((jwk) =>
      Object.keys(jwk).sort().join(' '),
    );
    expect(members).toEqual([
      'alg e kid kty n use',
      'alg crv kid kty use x y',
      'alg crv kid kty use x',
    ]);
  });

  it('needs only the public half of a key that does not sign', () => {
    const ring = createKeyRing([ec, { ...rsa, key: createPublicKey(rsa.key) }]);
    expect(ring.publicKeys).toEqual(createKeyRing([ec, rsa]).publicKeys);
    expect(ring.verificationKey(rsa.kid)).toEqual(createKeyRing([rsa]).verificationKey(rsa.kid));
  });

  it('publishes nothing of an HMAC key', () => {
    expect(createKeyRing([hmac]).publicKeys).toEqual([]);
  });

  it('is not made without a key, or with one name twice', () => {
    expect(() => createKeyRing([])).toThrow(/no key/);
    expect(() => createKeyRing([ec, { ...rsa, kid: ec.kid }])).toThrow(/same "kid"/);
  });

  it('reads a key from the configuration itself', async () => {
    const privateKey = JSON.stringify({ ...okp.key.export({ format: 'jwk' }), kid: 'mine' });
    const ring = await readKeyRing({ privateKey, algorithm: 'RS256' });
    expect(ring.signer).toMatchObject({ kid: 'mine', alg: 'Ed25519' });
  });
});
