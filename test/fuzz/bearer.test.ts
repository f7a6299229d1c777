import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createBearerMethod } from '../../src/exchange/credentials/bearer/bearer.ts';
import { isRefused } from '../../src/exchange/refusals.ts';
import { readJson, writeJson } from '../../src/exchange/strict-json.ts';
import { createFileKeys } from '../../src/issuers/file-keys.ts';
import { unsignedJwt } from '../support/service.ts';
import { requestWith } from '../unit/exchange/credentials/request-with.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const issuer = 'https://idp.example.com';
const now = 1_800_000_000;
const rules = {
  clientId: { kind: 'claims', paths: ['azp'] } as const,
  expOptional: false,
  clockSkew: 5,
};
const types = new Set([undefined, 'jwt', 'at+jwt']);
const keys = createFileKeys({
  text: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] }),
  algorithms: ['Ed25519'],
  log: { info() {}, warn() {} },
});
const verifying = createBearerMethod({
  now: () => now * 1000,
  issuers: [
    {
      ...rules,
      issuer,
      audiences: new Set(['orders']),
      algorithms: new Set(['Ed25519']),
      types,
      keys,
    },
  ],
  introspection: undefined,
});
const trusting = createBearerMethod({ now: () => now * 1000, trusted: { ...rules, types } });

const encode = (data: string | Uint8Array) => Buffer.from(data).toString('base64url');
function signed(payload: string, header = '{"alg":"Ed25519","kid":"k"}') {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${encode(sign(null, Buffer.from(input), privateKey))}`;
}
const claims = { iss: issuer, aud: 'orders', azp: 'web', sub: 'alice', exp: now + 60 };
const good = signed(JSON.stringify(claims));
const request = requestWith({});
const verifies = async (token: string, method = verifying) =>
  !isRefused(await method.identify(`Bearer ${token}`, request));

describe('a signed token', () => {
  it('verifies', async () => {
    expect(await verifies(good)).toBe(true);
  });

  it('never verifies with anything changed, added or left out', async () => {
    const at = fc.nat(good.length);
    const piece = fc.oneof(
      fc.string({
        unit: fc.constantFrom('A', 'Q', '_', '-', '=', '.', '+', '/', ' ', '\n', ','),
        maxLength: 3,
      }),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const removed = fc.nat(3);
    await fc.assert(
      fc.asyncProperty(at, removed, piece, async (position, length, text) => {
        const changed = good.slice(0, position) + text + good.slice(position + length);
        // Any number of spaces may stand before it (RFC 9110 §11.4).
        expect(await verifies(changed)).toBe(changed.replace(/^ +/, '') === good);
      }),
      { numRuns: 1000 },
    );
  });

  it('never verifies with one bit of any byte changed', async () => {
    const parts = good.split('.').map((part) => Buffer.from(part, 'base64url'));
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.nat(1000), fc.nat(7), async (which, place, bit) => {
        const changed = parts.map((part) => Buffer.from(part));
        const part = changed[which] ?? Buffer.alloc(0);
        const index = place % part.length;
        part[index] = (part[index] ?? 0) ^ (1 << bit);
        expect(await verifies(changed.map(encode).join('.'))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('never verifies with its parts in another order, twice or mixed with another’s', async () => {
    const others = [good, signed(JSON.stringify({ ...claims, sub: 'bob' }))].flatMap((token) =>
      token.split('.'),
    );
    const arrangement = fc.array(fc.constantFrom('', ...others), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(arrangement, async (parts) => {
        const token = parts.join('.');
        const whole = [others.slice(0, 3), others.slice(3)].some(
          (each) => each.join('.') === token,
        );
        expect(await verifies(token)).toBe(whole);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('whatever claims an issuer signs', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const odd = fc.oneof(
    json,
    fc.constantFrom(null, '', 0, -1, 1e308, [], {}, 'orders', issuer, now + 1, '\0'),
  );
  const record = fc.record(
    {
      iss: odd,
      aud: odd,
      azp: odd,
      sub: odd,
      exp: odd,
      nbf: odd,
      iat: odd,
      jti: odd,
      act: odd,
      cnf: odd,
    },
    { requiredKeys: [] },
  );

  it('the client has a plain name, and the end is in the future', async () => {
    await fc.assert(
      fc.asyncProperty(
        record,
        fc.subarray(['iss', 'aud', 'azp', 'exp'] as const, { minLength: 3 }),
        async (over, kept) => {
          const right = Object.fromEntries(kept.map((claim) => [claim, claims[claim]]));
          const payload = JSON.stringify({ ...over, ...right });
          for (const [method, token] of [
            [verifying, signed(payload)],
            [trusting, signed(payload)],
          ] as const) {
            const subject = await method.identify(`Bearer ${token}`, request);
            if (isRefused(subject)) continue;
            expect(subject.clientId).toMatch(/^[^\p{Cc}\p{Cs}]{1,255}$/u);
            expect(subject.expiresAt).toBeGreaterThan(now);
            expect(subject.claims).not.toHaveProperty('cnf');
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('are written as they were read', () => {
    const integers = fc.bigInt().map((value) => value.toString());
    const text = fc.oneof(
      fc.json({ maxDepth: 4 }),
      integers,
      fc.array(integers).map((all) => `[${all}]`),
    );
    fc.assert(
      fc.property(text, (source) => {
        const value = readJson(source);
        if (value === undefined) return;
        const written = writeJson(value);
        expect(readJson(written)).toEqual(value);
        if (/^[-\d,[\]]*$/.test(source)) expect(written).toBe(source.replace(/-0(?!\d)/g, '0'));
      }),
      { numRuns: 2000 },
    );
  });
});

it('text that is no token is refused without an exception', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((part) => `${part}.${part}.${part}`),
    fc.json().map((part) => `${encode(part)}.${encode(part)}.AAAA`),
  );
  await fc.assert(
    fc.asyncProperty(text, async (token) => {
      expect(await verifies(token)).toBe(false);
    }),
    { numRuns: 2000 },
  );
  expect(await verifies(unsignedJwt({ azp: 'web', exp: now + 60 }), trusting)).toBe(true);
});
