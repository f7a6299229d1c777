import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApisixRequest, apisixQuestion, readApisixRecipe } from '../support/apisix.ts';
import { basic } from '../support/process.ts';
import { claimsOf, startService, type TestService } from '../support/service.ts';

/** APISIX cannot run here: these are the questions that its forward-auth asks with the recipe. */

const { forwardAuth } = readApisixRecipe();

let service: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
gateways: { apisix: {} }
credentials: [{ basic: { trust: gateway } }, { api_key: { trust: gateway } }]
token:
  audience: backend
  claims: { asked: '[request.method, request.scheme, request.host, request.path, request.query]' }
routes: [{ match: { hosts: [forbidden.example.com] }, require: 'false' }]
default_route: {}
`);
});
afterAll(() => service.close());

const plain: ApisixRequest = {
  scheme: 'https',
  method: 'GET',
  host: 'api.example.com',
  target: '/orders?id=1',
  headers: { authorization: basic('alice', 'secret') },
};

function ask(request: Partial<ApisixRequest>) {
  const { pathname } = new URL(forwardAuth.uri);
  const headers = apisixQuestion(forwardAuth, { ...plain, ...request });
  return service.ask(pathname, headers, forwardAuth.request_method);
}

describe('APISIX with the shipped recipe', () => {
  it.each([
    ['GET', '/orders', 'id=1'],
    ['DELETE', '/a%2Fb', ''],
    ['PUT', '/a%3Fb', 'q=%20z&q=2'],
    ['GET', '/a/../b', ''],
    ['GET', '/caf%C3%A9%0d%0aX-Forwarded-Host:%20admin.example.com', ''],
    ['GET', '/$real_request_uri', ''],
  ])('asks about %s %s ? %s, raw, and gets a token', async (method, path, query) => {
    const target = query === '' ? path : `${path}?${query}`;
    const answer = await ask({ method, target });
    expect(answer.status).toBe(200);
    const [token] = forwardAuth.upstream_headers;
    expect(claimsOf(answer.headers[token?.toLowerCase() ?? ''])).toMatchObject({
      client_id: 'alice',
      asked: [method, 'https', 'api.example.com', path, query],
    });
  });

  it('asks with the API key too', async () => {
    const answer = await ask({ headers: { apikey: 'k-1' } });
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.headers['x-custom-jwt']).client_id).toMatch(/^apikey-/);
  });

  it.each([
    ['without a credential', { headers: {} }, 401, 'www-authenticate'],
    ['where nobody may go', { host: 'forbidden.example.com' }, 403, 'content-type'],
  ])('gets a refusal %s, and passes its headers on', async (_what, request, status, header) => {
    const answer = await ask(request);
    expect(answer.status).toBe(status);
    expect(answer.headers[header]).toBeDefined();
    const passed = forwardAuth.client_headers.map((name) => name.toLowerCase());
    expect(passed).toContain(header);
    expect(passed).not.toContain('x-custom-jwt');
  });

  it('says nothing that only a gateway may say for a client', async () => {
    const forged = { 'x-countersign-credential': 'api_key', 'x-forwarded-uri': '/admin' };
    const headers = apisixQuestion(forwardAuth, {
      ...plain,
      headers: { ...plain.headers, ...forged },
    });
    expect(headers.join('\n')).not.toMatch(/x-countersign|\/admin/i);
  });
});
