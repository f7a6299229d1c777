import { describe, expect, it } from '@jest/globals';
import { parseKeysFile } from '../../../../../src/exchange/credentials/api-key/api-keys-file.ts';
import { CredentialFileError } from '../../../../../src/exchange/credentials/credential-file-error.ts';

const hash = 'ab'.repeat(32);
const entry = (...lines: string[]) =>
  ['- owner: acme', `  sha256: ${hash}`, ...lines.map((line) => `  ${line}`)].join('\n');

function problemsOf(text: string): readonly string[] {
  try {
    parseKeysFile(text);
  } catch (error) {
    if (error instanceof CredentialFileError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseKeysFile', () => {
  it('reads owner, hash, expiry and claims', () => {
    const text = `# our customers
- { owner: acme, sha256: ${hash} }
- owner: "42"
  sha256: ${'CD'.repeat(32)}
  expires: 2027-01-31
  claims:
    scope: read write
    tier: 3
    limits: [1.5, -2, true, null]
    big: 12345678901234567890
    nested: { until: 2027-01-31 }
`;
    expect([...parseKeysFile(text)]).toEqual([
      [hash, { owner: 'acme', expires: Infinity, claims: {} }],
      [
        'cd'.repeat(32),
        {
          owner: '42',
          expires: Date.UTC(2027, 0, 31),
          claims: {
            scope: 'read write',
            tier: 3,
            limits: [1.5, -2, true, null],
            big: 12345678901234567890n,
            nested: { until: '2027-01-31' },
          },
        },
      ],
    ]);
  });

  it('takes a list of no keys', () => {
    expect(parseKeysFile('[]').size).toBe(0);
  });

  it.each([
    ['2027-01-31T12:30:00Z', Date.UTC(2027, 0, 31, 12, 30)],
    ['2027-01-31T12:30:00.250+02:00', Date.UTC(2027, 0, 31, 10, 30, 0, 250)],
    ['"2028-02-29"', Date.UTC(2028, 1, 29)],
  ])('reads the expiry %s', (text, expected) => {
    expect(parseKeysFile(entry(`expires: ${text}`)).get(hash)?.expires).toBe(expected);
  });

  it.each([
    '2027-02-30',
    '2027-02-29T00:00:00Z',
    '2027-13-01',
    '2027-01-31T24:00:00Z',
    '2027-01-31T12:00:00',
    '2027-01-31 12:00:00',
    '2027-01-31T12:00:00+25:00',
    '31.01.2027',
    '1800000000',
    'never',
    'null',
    '""',
  ])('refuses the expiry %s', (text) => {
    expect(problemsOf(entry(`expires: ${text}`))).toEqual([
      'line 3: expires must be like 2027-01-31 or 2027-01-31T12:00:00Z',
    ]);
  });

  it.each([
    ['', 'expected a list of keys, each with owner and sha256'],
    ['owner: acme', 'expected a list of keys, each with owner and sha256'],
    ['- acme', 'line 1: expected owner and sha256'],
    [`- owner: acme`, 'line 1: sha256 must be a text; quote it if it looks like a number'],
    [`- owner: ''\n  sha256: ${hash}`, /^line 1: owner must be a text/],
    [`- sha256: ${hash}\n  owner: 42`, /^line 2: owner must be a text; quote it/],
    [`- owner: "a\\nb"\n  sha256: ${hash}`, 'line 1: owner holds a control character'],
    [`- owner: acme\n  sha256: ${hash}0`, 'line 2: sha256 must be 64 hex digits'],
    [`- owner: acme\n  sha256: "${hash.slice(1)}g"`, 'line 2: sha256 must be 64 hex digits'],
    [
      `${entry()}\n${entry().toUpperCase().replace('OWNER', 'owner').replace('SHA', 'sha')}`,
      'line 4: this key is in the list already',
    ],
    [
      entry('expire: 2027-01-01'),
      'line 3: unknown member; expected one of owner, sha256, expires, claims',
    ],
    [entry('owner: again'), /^line 3: .*duplicate key$/],
    [entry('claims: [a]'), 'line 3: claims must be a mapping'],
    [entry('claims:'), 'line 3: claims must be a mapping'],
    [entry('claims:', '  a: 1', '  b: .nan'), 'line 5: claims must be JSON values'],
    [entry('claims:', '  a: !!binary aGk='), 'line 4: claims must be JSON values'],
    [entry('claims: { a: &x 1, b: *x }'), 'line 3: claims must be JSON values'],
    [entry('claims: { 1: a }'), 'line 3: names of claims must be texts'],
    [entry('claims: { ? [a] : b }'), 'line 3: names of claims must be texts'],
    [entry('claims: { a: !foo b }'), /^line 3: .*tag resolve failed$/],
    [entry('claims: { __proto__: { admin: true } }'), /^line 3: claims .* forbidden name/],
    [entry('claims: { a: { constructor: 1 } }'), /^line 3: claims .* forbidden name/],
    [entry(`claims: { a: ${'['.repeat(20)}${']'.repeat(20)} }`), /^line 3: claims .* too deep/],
    ['- { owner: acme', /^line 1: /],
  ])('refuses %j', (text, problem) => {
    expect(problemsOf(text)).toEqual([
      typeof problem === 'string' ? problem : expect.stringMatching(problem),
    ]);
  });

  it('names every bad entry at once, and no hash', () => {
    const problems = problemsOf(`- acme\n${entry('expires: x')}\n${entry()}\n- owner: x`);
    expect(problems.map((problem) => problem.slice(0, 7))).toEqual([
      'line 1:',
      'line 4:',
      'line 7:',
    ]);
    expect(problems.join()).not.toContain(hash.slice(0, 8));
  });
});
