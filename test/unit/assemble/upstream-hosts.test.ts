import { describe, expect, it } from '@jest/globals';
import { createHostFilter } from '../../../src/assemble/upstream-hosts.ts';
import { load, withKeys } from '../config/base.ts';

/** A filter that knows one host: of `upstream_hosts`, or of a route. */
function filterFor(host: string, where: 'upstream_hosts' | 'route' = 'upstream_hosts') {
  const text =
    where === 'route'
      ? withKeys({ token: '{ }', routes: `[{ match: { hosts: ['${host}'] } }]` })
      : withKeys({ token: `{ upstream_hosts: ['${host}'] }` });
  return createHostFilter(load(text).configuration);
}

/** Authorities as the profiles read them: without the scheme's own port. */
const ports: readonly (readonly [
  written: string,
  authority: string,
  scheme: string,
  known: boolean,
])[] = [
  ['', '', 'https', true],
  ['', '', 'http', true],
  ['', ':8443', 'https', false],
  ['', ':443', 'http', false],
  ['', ':80', 'https', false],
  [':443', '', 'https', true],
  [':443', '', 'http', false],
  [':443', ':443', 'http', true],
  [':443', ':444', 'https', false],
  [':80', '', 'http', true],
  [':80', '', 'https', false],
  [':80', ':80', 'https', true],
  [':8443', ':8443', 'https', true],
  [':8443', ':8443', 'http', true],
  [':8443', '', 'https', false],
];

describe.each(['upstream_hosts', 'route'] as const)('a host of %s', (where) => {
  it.each(ports)('with port %j is asked for as %j over %s: %s', (written, port, scheme, known) => {
    const exact = filterFor(`a.example.com${written}`, where);
    expect(exact(`a.example.com${port}`, scheme)).toBe(known);
    const wildcard = filterFor(`*.example.com${written}`, where);
    expect(wildcard(`a.example.com${port}`, scheme)).toBe(known);
    expect(wildcard(`b.a.example.com${port}`, scheme)).toBe(known);
  });

  it('with a wildcard is neither the domain itself nor one that ends alike', () => {
    const wildcard = filterFor('*.example.com:443', where);
    for (const host of ['example.com', 'badexample.com', 'a.example.com.evil.test', '[::1]']) {
      expect(wildcard(host, 'https')).toBe(false);
    }
  });
});
