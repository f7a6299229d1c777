import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { loadConfiguration } from '../../src/config/load.ts';
import { ConfigurationError } from '../../src/config/problems.ts';
import { readDuration, writeDuration } from '../../src/config/schema/values.ts';
import { listRows } from '../../src/config/table.ts';

/** @returns the lines of problems, none when it loads; anything else that is thrown fails the test */
function load(text: string): number {
  try {
    loadConfiguration({ text, file: 'c.yaml', env: { A: '1' } });
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const { message } of error.problems) {
      expect(message).not.toBe('');
      expect(message).not.toMatch(/\n|undefined|\[object/);
    }
    return error.problems.length;
  }
}

const names = [...new Set(listRows().map(({ steps }) => steps.at(-1) ?? ''))];
const key = fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 5 }));
const scalar = fc.oneof(
  fc.constantFrom(
    'any',
    'upstream',
    'off',
    '50%',
    '30m',
    '64MiB',
    '$' + '{A}',
    '$' + '{B}',
    'gateway',
    '/a/**',
  ),
  fc.string({ maxLength: 8 }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
  ),
}));

/** A tree that follows the schema some way, so that it gets past the first check. */
const plausible = fc
  .array(fc.tuple(fc.constantFrom(...listRows()), tree), { maxLength: 6 })
  .map((settings) => {
    const root: Record<string, unknown> = {
      issuer: 'https://a.example',
      gateways: { nginx: {} },
      credentials: [{ basic: { trust: 'gateway' } }],
      token: { upstream_hosts: 'any' },
    };
    for (const [{ steps }, value] of settings) set(root, steps, value);
    return root;
  });

function set(holder: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  const [step = '', ...rest] = steps;
  const name = step === '*' ? '0' : step;
  if (rest.length === 0) {
    holder[name] = value;
    return;
  }
  if (typeof holder[name] !== 'object' || holder[name] === null) {
    holder[name] = rest[0] === '*' ? [] : {};
  }
  set(holder[name] as Record<string, unknown>, rest, value);
}

describe('any configuration loads or is refused with problems', () => {
  it('whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void load(text)),
    );
  });

  it('whatever the YAML', () => {
    const pieces = fc.constantFrom(
      ...[
        'a',
        'issuer',
        ': ',
        '- ',
        '\n',
        '\n  ',
        '[',
        ']',
        '{',
        '}',
        ', ',
        '"',
        "'",
        '|',
        '>',
        '&x ',
      ],
      ...[
        '*x',
        '!',
        '!!str ',
        '<<',
        '? ',
        '#',
        '---',
        '%YAML 1.1\n',
        '${',
        '}',
        '0x1F',
        '.nan',
        '\t',
      ],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => void load(parts.join(''))),
      { numRuns: 500 },
    );
  });

  it('whatever the values', () => {
    let loaded = 0;
    fc.assert(
      fc.property(fc.oneof(tree, plausible), (value) => {
        if (load(stringify(value)) === 0) loaded++;
      }),
      { numRuns: 500 },
    );
    expect(loaded).toBeGreaterThan(0);
  });
});

describe('durations', () => {
  it('are written as they are read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (duration) => {
        expect(readDuration(writeDuration(duration))).toBe(duration);
      }),
    );
  });
});
