import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CompactSign, compactVerify } from 'jose';
import { verifyAtOnce, verifySignature } from '../../../src/exchange/verify-signature.ts';

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const longRsa = generateKeyPairSync('rsa', { modulusLength: 5120 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
const ed25519 = generateKeyPairSync('ed25519');

const cases: readonly (readonly [alg: string, keys: KeyPair])[] = [
  ['RS256', rsa],
  ['RS384', rsa],
  ['RS512', rsa],
  ['PS256', rsa],
  ['PS384', rsa],
  ['PS512', rsa],
  ['RS256', longRsa],
  ['ES256', p256],
  ['ES384', p384],
  ['ES512', p521],
  ['Ed25519', ed25519],
  ['EdDSA', ed25519],
];

function signed(alg: string, { privateKey }: KeyPair): Promise<string> {
  const payload = new TextEncoder().encode('{"sub":"alice"}');
  return new CompactSign(payload).setProtectedHeader({ alg }).sign(privateKey);
}

function accordingToJose(token: string, alg: string, key: KeyObject): Promise<boolean> {
  return compactVerify(token, key, { algorithms: [alg] }).then(
    () => true,
    () => false,
  );
}

describe.each(cases)('verifying %s', (alg, keys) => {
  it('takes what another library signed', async () => {
    expect(await verifySignature(await signed(alg, keys), alg, keys.publicKey)).toBe(true);
  });

  it('refuses it once a bit of the payload or of the signature is another', async () => {
    const [header, payload, signature = ''] = (await signed(alg, keys)).split('.');
    const bytes = Buffer.from(signature, 'base64url');
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
    const otherSignature = `${header}.${payload}.${bytes.toString('base64url')}`;
    const otherPayload = `${header}.${payload?.replace(/^e/, 'f')}.${signature}`;
    expect(await verifySignature(otherSignature, alg, keys.publicKey)).toBe(false);
    expect(await verifySignature(otherPayload, alg, keys.publicKey)).toBe(false);
  });

  it('says of any signature what another library says', async () => {
    const token = await signed(alg, keys);
    const end = token.lastIndexOf('.') + 1;
    const good = Buffer.from(token.slice(end), 'base64url');
    const bytes = fc.oneof(
      fc.constant(good),
      fc.nat({ max: good.length }).map((length) => good.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 8 }).map((more) => Buffer.concat([good, more])),
      fc.uint8Array({ minLength: good.length, maxLength: good.length }),
      fc.constant(Buffer.alloc(good.length)),
      fc.constant(Buffer.alloc(good.length, 0xff)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (signature) => {
        const other = token.slice(0, end) + Buffer.from(signature).toString('base64url');
        const expected = await accordingToJose(other, alg, keys.publicKey);
        expect(await verifySignature(other, alg, keys.publicKey)).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('is done at once only where it takes microseconds', async () => {
    const token = await signed(alg, keys);
    const takesLong = ['ES384', 'ES512'].includes(alg) || keys === longRsa;
    expect(verifyAtOnce(token, alg, keys.publicKey)).toBe(takesLong ? undefined : true);
    const other = verifyAtOnce(`${token.slice(0, -12)}AAAAAAAAAAAA`, alg, keys.publicKey);
    expect(other).toBe(takesLong ? undefined : false);
  });

  it('refuses every key that is not of its type and curve', async () => {
    const token = await signed(alg, keys);
    for (const { publicKey } of [rsa, p256, p384, p521, ed25519]) {
      const { asymmetricKeyType, asymmetricKeyDetails } = keys.publicKey;
      const fits =
        publicKey.asymmetricKeyType === asymmetricKeyType &&
        publicKey.asymmetricKeyDetails?.namedCurve === asymmetricKeyDetails?.namedCurve;
      if (!fits) expect(await verifySignature(token, alg, publicKey)).toBe(false);
    }
  });
});

it.each(['none', 'None', 'HS256', 'RS1', 'ES256K', '__proto__', 'toString', ''])(
  'knows no algorithm %j',
  async (alg) => {
    expect(await verifySignature(await signed('RS256', rsa), alg, rsa.publicKey)).toBe(false);
  },
);

it('turns a flood of signatures that take long away, and none that it has begun', async () => {
  const token = await signed('ES384', p384);
  const all = await Promise.all(
    Array.from({ length: 600 }, () => verifySignature(token, 'ES384', p384.publicKey)),
  );
  expect(new Set(all)).toEqual(new Set([true, 'overloaded']));
  expect(all.filter((each) => each === true).length).toBeGreaterThan(256);
  expect(await verifySignature(token, 'ES384', p384.publicKey)).toBe(true);
});
