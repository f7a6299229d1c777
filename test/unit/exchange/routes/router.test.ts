import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefused } from '../../../../src/exchange/refusals.ts';
import { comparablePath } from '../../../../src/exchange/routes/comparable-path.ts';
import { readPathPattern } from '../../../../src/exchange/routes/path-pattern.ts';
import {
  createRouter,
  type RouteMatch,
  RouteTieError,
} from '../../../../src/exchange/routes/router.ts';
import type { OriginalRequest } from '../../../../src/exchange/types.ts';

const request = (host: string, path: string, method = 'GET') =>
  ({ host, path, method }) as OriginalRequest;

/** The position of the route that serves a request, `default`, or the reason why none does. */
function served(matches: readonly RouteMatch[], asked: OriginalRequest, last = true): string {
  const routes = matches.map((match, at) => ({ match, name: String(at) }));
  const found = createRouter(routes, last ? { match: {}, name: 'default' } : undefined).find(asked);
  return isRefused(found) ? found.reason : found.name;
}

describe('the most specific route', () => {
  const routes: RouteMatch[] = [
    { hosts: ['orders.example.com'] },
    { hosts: ['*.example.com'], paths: ['/admin/**'] },
    { hosts: ['*.eu.example.com'] },
    { paths: ['/admin/users/**'] },
    { paths: ['/admin/**'] },
    { paths: ['/admin/**'], methods: ['DELETE', 'POST'] },
    { paths: ['/admin'] },
    { paths: ['/files/*/raw'] },
    { paths: ['/files/**'] },
    { hosts: ['orders.example.com:8443'] },
    { paths: ['/'] },
  ];

  it.each([
    [
      'an exact host wins over a longer path elsewhere',
      'orders.example.com',
      '/admin/users/1',
      'GET',
      '0',
    ],
    ['an exact host matches with any port', 'orders.example.com:9', '/x', 'GET', '0'],
    ['a host with its port is narrower', 'orders.example.com:8443', '/x', 'GET', '9'],
    ['a wildcard host wins over any host', 'a.example.com', '/admin/users/1', 'GET', '1'],
    ['the longer wildcard wins', 'a.eu.example.com', '/admin/x', 'GET', '2'],
    ['a wildcard matches several labels', 'a.b.eu.example.com', '/x', 'GET', '2'],
    ['a wildcard does not match its own domain', 'example.com', '/x', 'GET', 'default'],
    ['a host that only ends alike is another', 'evilexample.com', '/x', 'GET', 'default'],
    ['the longest literal path wins', 'h', '/admin/users/1', 'GET', '3'],
    ['a method is more specific than none', 'h', '/admin/x', 'DELETE', '5'],
    ['other methods fall back', 'h', '/admin/x', 'GET', '4'],
    ['methods are compared exactly', 'h', '/admin/x', 'delete', '4'],
    ['an exact path wins over an open one', 'h', '/admin', 'GET', '6'],
    ['a slash at the end makes no difference', 'h', '/admin/', 'GET', '6'],
    ['an open path covers all below', 'h', '/admin/x/y/z', 'GET', '4'],
    ['an open path does not cover its namesake', 'h', '/administrator', 'GET', 'default'],
    ['a star is one segment', 'h', '/files/a/raw', 'GET', '7'],
    ['a star is not two segments', 'h', '/files/a/b/raw', 'GET', '8'],
    ['paths are compared decoded', 'h', '/%61dmin/x', 'GET', '4'],
    ['paths are compared with their case', 'h', '/Admin/x', 'GET', 'default'],
    ['the root is a path', 'h', '/', 'GET', '10'],
  ])('%s', (_name, host, path, method, expected) => {
    expect(served(routes, request(host, path, method))).toBe(expected);
  });

  it('is none where nothing matches and there is no default', () => {
    expect(served([{ paths: ['/a'] }], request('h', '/b'), false)).toBe('no_route');
    expect(served([], request('h', '/b'), false)).toBe('no_route');
  });

  it('does not depend on the order in which routes are written', () => {
    const cases = [request('h', '/admin/users/1'), request('a.eu.example.com', '/admin/x')];
    for (const asked of cases) {
      const forward = createRouter(
        routes.map((match) => ({ match })),
        undefined,
      ).find(asked);
      const backward = createRouter(
        [...routes].reverse().map((match) => ({ match })),
        undefined,
      ).find(asked);
      expect((backward as { match: RouteMatch }).match).toBe(
        (forward as { match: RouteMatch }).match,
      );
    }
  });
});

describe('an ambiguous path', () => {
  it.each([
    '/a//b',
    '//a',
    '/a/./b',
    '/a/../b',
    '/..',
    '/a/.',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/%2e%2e/b',
    '/a%00',
    '/a%0a',
    '/a\\b',
    '/a;v=1',
    '/a#b',
    '/a%',
    '/a%zz',
    '/a%4',
    '/a%ff',
    '/a b',
    '/a\u00e9',
  ])('%s is refused once a route has paths, and only then', (path) => {
    expect(served([{ paths: ['/x'] }], request('h', path))).toBe('ambiguous_path');
    expect(served([{ hosts: ['x'] }], request('h', path))).toBe('default');
  });

  it.each([
    '/a',
    '/a.b/c',
    '/.well-known/x',
    '/a..b',
    '/...',
    '/a%20b',
    '/caf%C3%A9',
    "/a'()*!$&,=:@~+",
  ])('%s is not one', (path) => {
    expect(served([{ paths: ['/x'] }], request('h', path))).toBe('default');
  });

  it('never decodes to a path with separators or dot segments that the raw one did not show', () => {
    const piece = fc.constantFrom('/', '.', '..', '%2e', '%2F', '%61', 'a', '%', '%25', ';', '%5c');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const raw = `/${pieces.join('')}`;
        const read = comparablePath(raw);
        if (read === undefined) return;
        const slashes = (text: string) => text.split('/').length;
        expect(slashes(read)).toBe(slashes(raw.length > 1 ? raw.replace(/\/$/, '') : raw));
        expect(read.split('/')).not.toContain('..');
        expect(read.split('/')).not.toContain('.');
      }),
    );
  });
});

describe('routes that tie', () => {
  it.each<[string, RouteMatch, RouteMatch]>([
    ['equal paths', { paths: ['/a'] }, { paths: ['/a'] }],
    ['equal but for an escape', { paths: ['/a'] }, { paths: ['/%61'] }],
    ['stars at different places', { paths: ['/a/*/c'] }, { paths: ['/*/b/c'] }],
    ['methods in common', { methods: ['GET', 'PUT'] }, { methods: ['PUT'] }],
    ['one of several hosts', { hosts: ['a', 'b'] }, { hosts: ['b', 'c'] }],
  ])('are refused: %s', (_name, first, second) => {
    expect(() => createRouter([{ match: first }, { match: second }], undefined)).toThrow(
      RouteTieError,
    );
  });

  it.each<[string, RouteMatch, RouteMatch]>([
    ['other methods', { methods: ['GET'] }, { methods: ['PUT'] }],
    ['other hosts', { hosts: ['a'], paths: ['/x'] }, { hosts: ['b'], paths: ['/x'] }],
    ['stars that never meet', { paths: ['/a/*/c'] }, { paths: ['/b/*/c'] }],
    ['open and closed', { paths: ['/a/**'] }, { paths: ['/a'] }],
    ['other ports', { hosts: ['a:1'] }, { hosts: ['a:2'] }],
  ])('are not: %s', (_name, first, second) => {
    expect(() => createRouter([{ match: first }, { match: second }], undefined)).not.toThrow();
  });

  it('name both routes', () => {
    const match = { paths: ['/a'] };
    try {
      createRouter([{ match: { hosts: ['h'] } }, { match }, { match }], undefined);
      expect('no error').toBe('an error');
    } catch (error) {
      expect((error as RouteTieError).routes).toEqual([1, 2]);
    }
  });
});

it('refuses a path pattern that only ambiguous paths could match', () => {
  expect(() => readPathPattern('/a/../b')).toThrow(RangeError);
});
