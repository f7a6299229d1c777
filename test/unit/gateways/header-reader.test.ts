import { describe, expect, it } from '@jest/globals';
import { isRefused } from '../../../src/exchange/refusals.ts';
import { createHeaderReader } from '../../../src/gateways/header-reader.ts';

const { read } = createHeaderReader(
  ['authorization', 'x-api-key', 'x-api-key', 'host', 'odd_name'],
  ['X-Custom-Jwt'],
);
/** The values of what decides, or why the lines are refused. */
function readLines(...lines: readonly string[]) {
  const headers = read(lines);
  return isRefused(headers)
    ? headers.reason
    : ['authorization', 'x-api-key', 'host', 'odd_name'].map((name) => headers.get(name));
}

describe('header lines', () => {
  it.each<[string, string[], (string | undefined)[]]>([
    ['nothing', [], [undefined, undefined, undefined, undefined]],
    [
      'names in any case',
      ['AUTHORIZATION', 'a', 'x-Api-KEY', 'k'],
      ['a', 'k', undefined, undefined],
    ],
    ['empty values', ['Authorization', ''], ['', undefined, undefined, undefined]],
    [
      'others, as often as they come',
      ['Cookie', 'a', 'Cookie', 'b', 'Host', 'h'],
      [undefined, undefined, 'h', undefined],
    ],
    [
      'a name that is configured with an underscore',
      ['Odd_Name', 'o'],
      [undefined, undefined, undefined, 'o'],
    ],
    [
      'the header that an answer sets',
      ['X-Custom-Jwt', 'x'],
      [undefined, undefined, undefined, undefined],
    ],
    [
      'names of an object’s prototype',
      ['__proto__', 'x', 'constructor', 'y'],
      [undefined, undefined, undefined, undefined],
    ],
  ])('are read: %s', (_what, lines, values) => {
    expect(readLines(...lines)).toEqual(values);
  });

  it.each<[string, string[], string]>([
    ['one that decides, twice', ['Host', 'h', 'host', 'h'], 'duplicate_header'],
    ['one that decides, first empty', ['X-Api-Key', '', 'X-Api-Key', 'k'], 'duplicate_header'],
    ['an alias with _', ['X_Api_Key', 'k'], 'aliased_header'],
    ['an alias with .', ['x.api-key', 'k'], 'aliased_header'],
    ['an alias with +', ['x+api+key', 'k'], 'aliased_header'],
    ['an alias with a space before the colon', ['X-Api-Key ', 'k'], 'aliased_header'],
    ['an alias with _ before and behind', ['_Authorization_', 'a'], 'aliased_header'],
    ['an alias of a name with an underscore', ['Odd-Name', 'o'], 'aliased_header'],
    ['an alias of what an answer sets', ['X-Custom_JWT', 'x'], 'aliased_header'],
    ['Connection that names one', ['Connection', 'Host'], 'nominated_header'],
    [
      'Connection that names one in a list',
      ['connection', 'close ,\tX-API-KEY, x'],
      'nominated_header',
    ],
    [
      'Connection that names what an answer sets',
      ['Connection', 'x-custom-jwt'],
      'nominated_header',
    ],
    [
      '101 of them',
      Array.from({ length: 101 }, (_, n) => [`x-${n}`, '']).flat(),
      'too_many_headers',
    ],
  ])('are refused: %s', (_what, lines, reason) => {
    expect(readLines(...lines)).toBe(reason);
  });

  it('may be 100', () => {
    expect(readLines(...Array.from({ length: 100 }, (_, n) => [`x-${n}`, '']).flat())).toHaveLength(
      4,
    );
  });

  it('are understood also when more spellings turned up than are remembered', () => {
    for (let n = 0; n < 3000; n++) readLines(`x-invented-${n}`, '');
    expect(readLines('X_api.KEY', 'k')).toBe('aliased_header');
    expect(readLines('x-aPI-kEY', 'k', 'CONNECTION', 'close')).toEqual([
      undefined,
      'k',
      undefined,
      undefined,
    ]);
    expect(readLines('coNNection', 'host')).toBe('nominated_header');
  });

  it('tell nothing of a name that was not declared', () => {
    const headers = read(['Cookie', 'a']);
    expect(isRefused(headers) || headers.get('cookie')).toBeUndefined();
  });

  it('can all be had by name, joined where one comes more than once', () => {
    const headers = read([
      'Cookie',
      'a',
      'COOKIE',
      'b',
      '__proto__',
      'p',
      'Empty',
      '',
      'Empty',
      'c',
    ]);
    const all = isRefused(headers) ? {} : headers.all();
    expect({ ...all }).toEqual({ cookie: 'a, b', ['__proto__']: 'p', empty: ', c' });
    expect(Object.getPrototypeOf(all)).toBeNull();
  });
});
