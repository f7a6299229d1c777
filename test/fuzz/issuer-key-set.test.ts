import { KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJsonObject } from '../../src/issuers/fetch-document.ts';
import { readKeySet } from '../../src/issuers/key-set.ts';

const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'Ed25519', 'EdDSA'];

const jwk = fc.record(
  {
    kty: fc.constantFrom('RSA', 'EC', 'OKP', 'oct', 'AKP', 1, null),
    crv: fc.constantFrom('P-256', 'P-384', 'P-521', 'Ed25519', 'X25519', '__proto__', {}),
    kid: fc.oneof(fc.string(), fc.jsonValue()),
    alg: fc.oneof(fc.constantFrom(...algorithms, 'none', 'HS256'), fc.jsonValue()),
    use: fc.constantFrom('sig', 'enc', undefined, null),
    key_ops: fc.oneof(fc.constant(['verify']), fc.jsonValue()),
    n: fc.oneof(fc.base64String({ maxLength: 400 }), fc.jsonValue()),
    e: fc.oneof(fc.constantFrom('AQAB', 'AQ', 'AA', ''), fc.jsonValue()),
    x: fc.oneof(fc.base64String({ minLength: 43, maxLength: 44 }), fc.jsonValue()),
    y: fc.oneof(fc.base64String({ minLength: 43, maxLength: 44 }), fc.jsonValue()),
    d: fc.constant('AA'),
  },
  { requiredKeys: ['kty'] },
);

function readText(text: string) {
  const document = parseJsonObject(text);
  return document === undefined ? undefined : readKeySet(document, algorithms);
}

describe('reading a key set', () => {
  it('never throws, whatever JSON or other text it is', () => {
    const text = fc.oneof(
      fc.json(),
      fc.string(),
      fc.record({ keys: fc.jsonValue() }).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (json) => {
        const reading = readText(json);
        expect([undefined, true, false]).toContain(reading?.ok);
      }),
      { numRuns: 2_000 },
    );
  });

  it('accounts for every key: it is usable, doubled or skipped, and usable ones are public', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(jwk, fc.jsonValue()), { maxLength: 8 }), (keys) => {
        const reading = readText(JSON.stringify({ keys }));
        if (!reading?.ok) throw new Error('a list of up to 100 keys is a key set');
        const { set } = reading;
        expect(set.size + set.skipped.length).toBeLessThanOrEqual(keys.length);
        for (const alg of [...algorithms, 'none', 'HS256']) {
          const key = set.find(alg, undefined);
          if (key !== undefined)
            expect([key instanceof KeyObject, key.type]).toEqual([true, 'public']);
        }
      }),
      { numRuns: 500 },
    );
  });
});
