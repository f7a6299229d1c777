import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readJson } from '../../src/exchange/strict-json.ts';

/** An object's members as text, with names that repeat, also in other spellings. */
const name = fc.constantFrom('"a"', '"b"', '"\\u0061"', '"a:"', '"\\u003a"', '"\\u00e9"', '""');
/** They teach engines to expect names with backslashes. */
const teachers = ['{"\\\\":1}', '{"a":1,"\\\\":1}', '{"a":[],"\\\\u":1}', '{"a:":1,"\\\\":1}'];
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('1', 'null', '"x:y"', '"\\""', '"{\\"a\\":1}"', '-0.5e3'),
    fc.array(fc.tuple(name, tie('json')), { maxLength: 4 }).map(objectText),
    fc.array(tie('json'), { maxLength: 3 }).map((all) => `[${all.join(' , ')}]`),
  ),
}));

function objectText(members: readonly (readonly [string, string])[]): string {
  return `{ ${members.map(([key, value]) => `${key} : ${value}`).join(',')} }`;
}

/** Asks the engine about each object as it ends: the text of an object without its inner ones. */
function hasDuplicates(text: string): boolean {
  let found = false;
  const plain = text.replace(/"(?:[^"\\]|\\.)*"/g, (word) => `"${hexOf(JSON.parse(word))}"`);
  for (let rest = plain, inner = ''; rest !== inner; ) {
    inner = rest;
    rest = inner.replace(/\{([^{}]*)\}/, (_all, members: string) => {
      const names = [...members.matchAll(/"([^"]*)" :/g)].map(([, each]) => each);
      found ||= new Set(names).size < names.length;
      return 'null';
    });
  }
  return found;
}

function hexOf(value: string): string {
  return Buffer.from(value).toString('hex');
}

it('refuses JSON exactly when some object in it names a member twice', () => {
  let duplicates = 0;
  fc.assert(
    fc.property(json, fc.constantFrom(...teachers), (text, teacher) => {
      JSON.parse(teacher);
      const expected = hasDuplicates(text);
      if (expected) duplicates++;
      expect(readJson(text) === undefined).toBe(expected);
    }),
    { numRuns: 3000 },
  );
  expect(duplicates).toBeGreaterThan(100);
});
