import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  authorizationScheme,
  readBasicCredentials,
  readBearerToken,
} from '../../src/exchange/credentials/authorization-header.ts';

const runs = { numRuns: 500 };
/** Whatever Node can hand over, and often something that starts well. */
const header = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .tuple(fc.constantFrom('Bearer', 'Basic', 'bEaReR ', 'BASIC  '), fc.string({ unit: 'binary' }))
    .map((parts) => parts.join('')),
  fc.base64String().map((text) => `Basic ${text}`),
);
const scheme = (word: string) => fc.mixedCase(fc.constant(word));
const spaces = fc.nat(3).map((more) => ' '.repeat(1 + more));
const text = fc.string({ unit: 'grapheme' }).filter((value) => !/\p{Cc}/u.test(value));
const user = text.filter((value) => value !== '' && !value.includes(':'));

describe('the Authorization header', () => {
  it('is read without an exception, and only by the reader of its scheme', () => {
    fc.assert(
      fc.property(header, (value) => {
        const token = readBearerToken(value);
        const credentials = readBasicCredentials(value);
        if (token !== undefined) expect(authorizationScheme(value)).toBe('bearer');
        if (credentials !== undefined) expect(authorizationScheme(value)).toBe('basic');
      }),
      runs,
    );
  });

  it('gives back every token68', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9\-._~+/]+=*$/);
    fc.assert(
      fc.property(scheme('bearer'), spaces, token, (word, gap, value) => {
        expect(readBearerToken(`${word}${gap}${value}`)).toBe(value);
      }),
      runs,
    );
  });

  it('gives back every user and password', () => {
    fc.assert(
      fc.property(scheme('basic'), spaces, user, text, (word, gap, name, password) => {
        const encoded = Buffer.from(`${name}:${password}`).toString('base64');
        expect(readBasicCredentials(`${word}${gap}${encoded}`)).toEqual({ user: name, password });
      }),
      runs,
    );
  });

  it('has one base64 for each user and password', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9+/]{0,24}={0,2}$/), (encoded) => {
        const credentials = readBasicCredentials(`Basic ${encoded}`);
        if (!credentials) return;
        const { user: name, password } = credentials;
        expect(Buffer.from(`${name}:${password}`).toString('base64')).toBe(encoded);
      }),
      runs,
    );
  });

  it('is read in linear time', () => {
    const started = performance.now();
    for (const value of ['Bearer ', 'Basic '].flatMap((word) => [
      word + ' '.repeat(64_000),
      word + 'a'.repeat(64_000),
      `${word}${'='.repeat(64_000)}!`,
      `${word}${'a'.repeat(64_000)}!`,
    ])) {
      readBearerToken(value);
      readBasicCredentials(value);
    }
    expect(performance.now() - started).toBeLessThan(500);
  });
});
