import { describe, expect, it } from '@jest/globals';
import { layToken } from '../../../src/config/lay-token.ts';
import { loadConfiguration } from '../../../src/config/load.ts';

function lay(general: string, route: string) {
  const text = `issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any, ${general} }
routes: [{ match: { paths: [/a] }, token: ${route} }]
`;
  const { configuration } = loadConfiguration({ text, file: 'c.yaml', env: {} });
  return layToken(configuration.token, configuration.routes[0]?.token);
}

const cache = { max_entries: 50_000, max_bytes: 67_108_864 };

describe("a route's token over the general one", () => {
  it.each([
    ['nothing', 'drop: [a]', '{}', { drop: ['a'], header: 'X-Custom-Jwt' }],
    ['a value replaces', 'expires_in: 10m', '{ expires_in: 2m }', { expires_in: 120 }],
    ['false replaces', 'jku: true', '{ jku: false }', { jku: false }],
    ['a list replaces', 'drop: [a, b]', '{ drop: [c] }', { drop: ['c'] }],
    ['a list of claims replaces', 'copy: none', '{ copy: [a] }', { copy: ['a'] }],
    ['an audience replaces', 'audience: a', '{ audience: { cel: b } }', { audience: { cel: 'b' } }],
    ['null is the default', 'audience: a', '{ audience: null }', { audience: 'upstream' }],
    ['null is the default', 'expires_in: 1m', '{ expires_in: null }', { expires_in: 1800 }],
    ['null is the default', 'drop: [a]', '{ drop: null }', { drop: [] }],
    [
      'maps merge by name',
      'claims: { a: x, b: x, c: x }',
      '{ claims: { b: { value: 1 }, c: null, d: y } }',
      { claims: { a: 'x', b: { value: 1 }, d: 'y' } },
    ],
    ['null empties a map', 'claims: { a: x }', '{ claims: null }', { claims: {} }],
    [
      'headers merge too',
      'headers: { X-A: a, X-B: b }',
      '{ headers: { X-B: c } }',
      { headers: { 'X-A': 'a', 'X-B': 'c' } },
    ],
    ['reuse is switched off', 'reuse: 20%', '{ reuse: off }', { reuse: 'off' }],
    [
      'reuse keeps the bounds of the cache',
      'reuse: { max_entries: 5, max_bytes: 2KiB }',
      '{ reuse: 25% }',
      { reuse: { remaining: 0.25, max_entries: 5, max_bytes: 2048 } },
    ],
    [
      'reuse is switched on for one route',
      'reuse: off',
      '{ reuse: { remaining: 30% } }',
      { reuse: { remaining: 0.3, ...cache } },
    ],
    ['reuse is as it was', 'reuse: 20%', '{}', { reuse: { remaining: 0.2, ...cache } }],
    [
      'null is the default',
      'reuse: off',
      '{ reuse: null }',
      { reuse: { remaining: 0.5, ...cache } },
    ],
  ])('%s: %s under %s', (_, general, route, expected) => {
    expect(lay(general, route)).toEqual(expect.objectContaining(expected));
  });

  it('is the general one where a route has none', () => {
    const general = lay('drop: [a]', '{}');
    expect(layToken(general, undefined)).toBe(general);
  });
});
