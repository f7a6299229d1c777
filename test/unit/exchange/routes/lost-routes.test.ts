import { describe, expect, it } from '@jest/globals';
import { describeLoss } from '../../../../src/exchange/routes/lost-routes.ts';
import { createRouter, type RouteMatch } from '../../../../src/exchange/routes/router.ts';
import { requestWith } from '../credentials/request-with.ts';

const request = requestWith({ method: 'GET', host: 'api.example.com', path: '/orders/1' });

/** How the first of two routes fares, by the router that serves. */
function lossOf(match: RouteMatch, other?: RouteMatch) {
  const [route, rival] = [{ match }, { match: other ?? { hosts: ['elsewhere.example'] } }];
  const chosen = createRouter([route, rival], undefined).find(request);
  expect(chosen).not.toBe(route);
  return describeLoss(route, other && rival, request);
}

describe('a route that does not match', () => {
  it.each<[RouteMatch, string[]]>([
    [{ hosts: ['orders.example.com'] }, ['host']],
    [{ hosts: ['api.example.com:8443'] }, ['host']],
    [{ hosts: ['*.api.example.com'] }, ['host']],
    [{ paths: ['/users/**'] }, ['path']],
    [{ paths: ['/orders'] }, ['path']],
    [{ methods: ['POST', 'DELETE'] }, ['method']],
    [{ hosts: ['api.example.com'], paths: ['/x'], methods: ['PUT'] }, ['path', 'method']],
    [{ hosts: ['x.example.com'], paths: ['/x'], methods: ['PUT'] }, ['host', 'path', 'method']],
  ])('%j says what of it does not', (match, mismatches) => {
    expect(lossOf(match)).toEqual({ mismatches });
    expect(lossOf(match, { hosts: ['api.example.com'] })).toEqual({ mismatches });
  });
});

describe('a route that matches, beside one that is more specific,', () => {
  it.each<[RouteMatch, RouteMatch, string]>([
    [{}, { hosts: ['*.example.com'] }, 'host'],
    [{ hosts: ['*.example.com'], paths: ['/orders/1'] }, { hosts: ['api.example.com'] }, 'host'],
    [{ hosts: ['*.com'] }, { hosts: ['*.example.com'] }, 'host'],
    [{ hosts: ['api.example.com'] }, { hosts: ['api.example.com:443'] }, 'host'],
    [{ paths: ['/orders/**'] }, { paths: ['/orders/*'] }, 'path'],
    [{ methods: ['GET'] }, { paths: ['/**'] }, 'path'],
    [{ paths: ['/orders/1'] }, { paths: ['/orders/1'], methods: ['GET'] }, 'method'],
    // Only what matches of each counts: the exact host of the first one is another.
    [
      { hosts: ['www.example.com', '*.example.com'] },
      { hosts: ['*.example.com'], paths: ['/orders/*'] },
      'path',
    ],
    // The best that matches counts: the rival's wildcard is no more than the loser's own.
    [{ hosts: ['*.example.com'] }, { hosts: ['*.example.org', 'api.example.com'] }, 'host'],
    [{ paths: ['/orders/*', '/*/1'] }, { paths: ['/orders/1'] }, 'path'],
  ])('%j beside %j says that it is the %s', (match, other, lessSpecific) => {
    expect(lossOf(match, other)).toEqual({ lessSpecific });
  });
});
