import { constants, createHmac, createPublicKey, createSecretKey, verify } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { compactVerify } from 'jose';
import { SignerOverloaded } from '../../../src/exchange/signer-unavailable.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import {
  algorithmFits,
  createSigner,
  type SigningAlgorithm,
  signingAlgorithms,
} from '../../../src/keys/signer.ts';

const keys = new Map(
  await Promise.all(
    signingAlgorithms.map(async (alg) => [alg, await generatePrivateKey(alg)] as const),
  ),
);

function keyFor(alg: SigningAlgorithm) {
  const key = keys.get(alg);
  if (key === undefined) throw new Error(`no key for ${alg}`);
  return key;
}

async function signInput(alg: SigningAlgorithm) {
  const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
  const input = `${header}.${Buffer.from('{"sub":"s"}').toString('base64url')}`;
  return { input, signature: await createSigner(keyFor(alg)).sign(input) };
}

describe('a signer', () => {
  it.each(signingAlgorithms)('%s: jose verifies what it signs', async (alg) => {
    const { input, signature } = await signInput(alg);
    const { key } = keyFor(alg);
    const publicKey = key.type === 'private' ? createPublicKey(key) : key;
    const verified = await compactVerify(`${input}.${signature}`, publicKey);
    expect(verified.protectedHeader.alg).toBe(alg);
  });

  const raw = [
    ['RS256', 'sha256', { padding: constants.RSA_PKCS1_PADDING }],
    ['RS384', 'sha384', { padding: constants.RSA_PKCS1_PADDING }],
    ['RS512', 'sha512', { padding: constants.RSA_PKCS1_PADDING }],
    ['PS256', 'sha256', { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
    ['PS384', 'sha384', { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }],
    ['PS512', 'sha512', { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }],
    ['ES256', 'sha256', { dsaEncoding: 'ieee-p1363' }],
    ['ES384', 'sha384', { dsaEncoding: 'ieee-p1363' }],
    ['ES512', 'sha512', { dsaEncoding: 'ieee-p1363' }],
    ['Ed25519', null, {}],
  ] as const;
  it.each(raw)('%s: OpenSSL verifies what it signs', async (alg, hash, options) => {
    const { input, signature } = await signInput(alg);
    const key = { key: createPublicKey(keyFor(alg).key), ...options };
    expect(verify(hash, Buffer.from(input), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(verify(hash, Buffer.from(`${input}x`), key, Buffer.from(signature, 'base64url'))).toBe(
      false,
    );
  });

  it('turns a flood away at once, and signs all that it has taken', async () => {
    const { sign } = createSigner(keyFor('RS256'));
    const all = await Promise.allSettled(Array.from({ length: 600 }, () => sign('a.b')));
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(300);
    expect(all.length - refused.length).toBeGreaterThan(256);
    expect(refused).toContainEqual({ status: 'rejected', reason: expect.any(SignerOverloaded) });
    expect(await sign('a.b')).toEqual(expect.any(String));
  });

  it('signs at once only with what takes less than the way to another thread', () => {
    const kinds = signingAlgorithms.map((alg) => {
      const signed = createSigner(keyFor(alg)).sign('a.b');
      return [alg, typeof signed === 'string' ? 'at once' : 'later'];
    });
    expect(kinds).toEqual(
      signingAlgorithms.map((alg) => [alg, /^[RP]S|ES384|ES512/.test(alg) ? 'later' : 'at once']),
    );
  });

  it('takes the bytes of an HMAC key, not its text', () => {
    const bytes = Buffer.alloc(32, 'key');
    const key = createSecretKey(bytes);
    expect(createSigner({ alg: 'HS256', kid: 'k', key }).sign('a.b')).toBe(
      createHmac('sha256', bytes).update('a.b').digest('base64url'),
    );
  });

  it('fits only the algorithms of its key type and curve', () => {
    const fits = (alg: SigningAlgorithm) =>
      signingAlgorithms.filter((other) => algorithmFits(other, keyFor(alg).key)).join(' ');
    expect(fits('RS256')).toBe('RS256 RS384 RS512 PS256 PS384 PS512');
    expect(fits('ES256')).toBe('ES256');
    expect(fits('ES384')).toBe('ES384');
    expect(fits('ES512')).toBe('ES512');
    expect(fits('Ed25519')).toBe('Ed25519');
    expect(fits('HS256')).toBe('HS256 HS512');
  });

  it('is not made for a key that does not fit, so that RS256 never signs with an EC key', () => {
    const { key } = keyFor('ES256');
    expect(() => createSigner({ alg: 'RS256', kid: 'k', key })).toThrow(TypeError);
    expect(() => createSigner({ alg: 'HS256', kid: 'k', key })).toThrow(TypeError);
  });
});
