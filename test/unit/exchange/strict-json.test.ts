import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readJson, writeJson } from '../../../src/exchange/strict-json.ts';

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const wide = (members: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: members }, (_, i) => [`m${i}`, i])));

describe('reading JSON of a stranger', () => {
  it.each([
    ['duplicate members', '{"a":1,"a":1}'],
    ['duplicate members, one of them escaped', '{"a":1,"\\u0061":2}'],
    ['duplicate members deep inside', '{"x":[{"b":1,"b":2}]}'],
    ['__proto__', '{"__proto__":{"admin":true}}'],
    ['__proto__, escaped', '{"\\u005f_proto__":1}'],
    ['constructor', '{"a":{"constructor":1}}'],
    ['prototype', '{"prototype":1}'],
    ['a name with a quote', '{"a\\"":1}'],
    ['a name with a backslash', '{"\\\\":1}'],
    ['a name with a control character', '{"a\\n":1}'],
    ['a nesting of 11', nested(11)],
    ['a nesting of 5000', nested(5000)],
    ['101 members', wide(101)],
    ['1001 elements', JSON.stringify(new Array(1001).fill(0))],
    ['a number beyond the doubles', '{"a":1e999}'],
    ['a byte order mark', '\ufeff{}'],
    ['a trailing comma', '{"a":1,}'],
    ['two values', '{}{}'],
    ['nothing', ''],
    ['a comment', '{}//'],
  ])('refuses %s', (_name, text) => {
    expect(readJson(text)).toBeUndefined();
  });

  it.each([
    ['a nesting of 10', nested(10)],
    ['100 members', wide(100)],
    ['1000 elements', JSON.stringify(new Array(1000).fill(0))],
    ['the same member in two objects', '[{"a":1},{"a":2}]'],
    ['white space everywhere', ' { "a" :\t[ 1 , true , null ] ,\n"b" : "\\"}" } '],
    ['brackets and quotes inside strings', '{"a":"]}\\"[{","b":"\\\\"}'],
    ['names with escapes', '{"\\u00e9\\u0061\\/":"\\u00e9\\\\:","b":1}'],
    ['a null', 'null'],
    ['exponents and fractions', '[1e3,-0.5,2E-2]'],
  ])('reads %s as JSON.parse does', (_name, text) => {
    expect(readJson(text)).toEqual(JSON.parse(text));
  });

  it('reads an escaped name as it is, whatever the engine was taught to expect', () => {
    for (let round = 0; round < 100; round++) {
      JSON.parse('{"a":[],"\\\\":1,"a:":1}');
      JSON.parse('{"a":[],"\\\\":2,"b":1}');
      expect(readJson('{"a":[],"\\u0062":1}')).toEqual({ a: [], b: 1 });
      expect(readJson('{"a":[],"\\u0061":1,"a:":1}')).toBeUndefined();
    }
  });

  it('keeps integers beyond 2^53 to the last digit, and strings that look like them', () => {
    const text = '{"id":9007199254740993,"s":"9007199254740993","n":[-123456789012345678901]}';
    expect(readJson(text)).toEqual({
      id: 9007199254740993n,
      s: '9007199254740993',
      n: [-123456789012345678901n],
    });
    expect(writeJson(readJson(text) ?? null)).toBe(text);
  });

  it('reads back what any JSON value was written as, within the bounds', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const value = readJson(text);
        if (value !== undefined) expect(JSON.parse(writeJson(value))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0a1eE+-. tn'), maxLength: 60 }),
        (text) => {
          const value = readJson(text);
          if (value !== undefined) expect(() => JSON.parse(text)).not.toThrow();
        },
      ),
      { numRuns: 2000 },
    );
  });
});
