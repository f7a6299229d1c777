import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  claimsOf,
  nginxHeaders,
  startService,
  type TestService,
  unsignedJwt,
} from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
gateways: { nginx: {}, traefik: {}, envoy: {} }
credentials:
  - bearer: { trust: gateway, client_id: azp }
  - basic: { trust: gateway }
  - api_key: { trust: gateway }
token: { upstream_hosts: any }
`);
});
afterAll(() => service.close());

const soon = () => Math.floor(Date.now() / 1000) + 600;
const bearer = (claims: object) => ['Authorization', `Bearer ${unsignedJwt(claims)}`];

describe('a forward-auth call', () => {
  it('is answered 200 with an empty body and one token header', async () => {
    const answer = await service.ask('/auth/nginx', [
      ...nginxHeaders(),
      ...bearer({ azp: 'web', sub: 'alice', exp: soon(), scope: 'orders' }),
    ]);
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('');
    expect(answer.headers['content-length']).toBe('0');
    const names = answer.rawHeaders.filter((_, at) => at % 2 === 0);
    expect(names.filter((name) => name === 'X-Custom-Jwt')).toHaveLength(1);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      iss: 'https://countersign.example.com',
      aud: 'https://api.example.com',
      client_id: 'web',
      sub: 'alice',
      scope: 'orders',
    });
  });

  it.each([
    ['/auth/unknown', 404],
    ['/auth/nginxx', 404],
    ['/auth', 404],
    ['/auth/', 404],
    ['//auth/nginx', 404],
    ['/AUTH/nginx', 404],
    ['/auth/nginx', 200],
    ['/auth/nginx/', 200],
    ['/auth/nginx?q=/auth/other', 200],
    ['/auth/nginx/../../jwks', 200],
  ])('to %s is answered %i', async (path, status) => {
    const headers = [...nginxHeaders(), 'apikey', 'k-1'];
    const answer = await service.ask(path, headers);
    expect(answer.status).toBe(status);
  });
});
