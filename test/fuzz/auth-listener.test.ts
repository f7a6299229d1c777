import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { issueCertificate, name, pemOf } from '../support/certificates.ts';
import {
  claimsOf,
  forwardedHeaders,
  httpProfiles,
  nginxHeaders,
  startService,
  type TestService,
  unsignedJwt,
} from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
gateways:
${httpProfiles.map((each) => `  ${each}: { client_certificate: true }`).join('\n')}
credentials:
  - bearer: { trust: gateway, client_id: [clientId, azp] }
  - basic: { trust: gateway }
  - client_certificate: { trust: gateway }
  - api_key: { trust: gateway }
token:
  upstream_hosts: any
  claims: { tenant: 'request.headers["x-tenant"]', path: request.path }
  headers: { X-Client-Id: client_id }
routes:
  - { match: { paths: [/public/**] }, anonymous: { client_id: nobody } }
default_route: {}
`);
});
afterAll(() => service.close());

const { der } = issueCertificate({ subject: name({ CN: 'c' }) });
const exp = Math.floor(Date.now() / 1000) + 3600;
const good = unsignedJwt({ clientId: 'web', exp });
/** What can be in a header line that Node's client sends at all: no control characters but tab. */
const printable = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
  maxLength: 40,
});
const likely = fc.constantFrom(
  ...[
    '',
    'GET',
    'https',
    'api.example.com',
    '/orders?x',
    'https://api.example.com/public/x',
    'true',
  ],
  ...[`Bearer ${good}`, 'Basic YTpi', 'bearer', 'api_key', 'key', 'SUCCESS', '{unset}', 'c-1'],
  ...[`:${der.toString('base64')}:`, der.toString('base64'), encodeURIComponent(pemOf(der))],
  ...[`Cert="${encodeURIComponent(pemOf(der))}"`, 'http://orders.internal:80/x'],
);
const value = fc.oneof({ weight: 4, arbitrary: likely }, { weight: 1, arbitrary: printable });
const known = fc.constantFrom(
  ...['Authorization', 'apikey', 'X-Tenant', 'X-Client-Id', 'X-Custom-Jwt', 'Host', 'Connection'],
  ...[
    'X-Original-URL',
    'X-Original-Method',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Uri',
  ],
  ...[
    'X-Forwarded-Method',
    'Client-Cert',
    'X-Forwarded-Tls-Client-Cert',
    'X-Forwarded-Client-Cert',
  ],
  ...[
    'X-SSL-Client-Cert',
    'X-SSL-Client-Verify',
    'ssl-client-cert',
    'ssl-client-verify',
    'X-Consumer-ID',
  ],
  ...['X-Anonymous-Consumer', 'X-Upstream-Url', 'X-Countersign-Credential', 'Cookie'],
);
const spelled = known.chain((each) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(each) },
    { weight: 1, arbitrary: fc.mixedCase(fc.constant(each)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('_', '.', '~').map((mark) => each.replaceAll('-', mark)),
    },
  ),
);
const lines = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 9, arbitrary: spelled },
        { weight: 1, arbitrary: fc.stringMatching(/^[a-z0-9_.~-]{1,20}$/) },
      ),
      value,
    ),
    { maxLength: 4 },
  )
  .map((pairs) => pairs.flat());
const target = fc.oneof(
  fc.constant(''),
  fc.string({
    unit: fc.constantFrom('/', '.', '?', '%', '2', 'f', 'e', ';', '\\', ':', '@', 'a', '#', '*'),
    maxLength: 20,
  }),
  printable.map((text) => text.replaceAll(' ', '')),
);
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND');

function expectSafe(answer: Awaited<ReturnType<TestService['ask']>>) {
  expect([200, 400, 401, 403, 404, 431]).toContain(answer.status);
  const promised = ['x-custom-jwt', 'x-client-id'].filter((header) => answer.headers[header]);
  expect(promised).toHaveLength(answer.status === 200 ? 2 : 0);
  if (answer.status === 200) {
    expect(answer.body).toBe('');
    const own = answer.rawHeaders.filter(
      (text, at) => at % 2 === 0 && text.toLowerCase() === 'x-custom-jwt',
    );
    expect(own).toHaveLength(1);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      iss: 'https://countersign.example.com',
      client_id: expect.stringMatching(/./),
      aud: expect.stringMatching(/^https?:\/\/[a-z0-9[]/),
    });
  } else if (answer.status === 401) {
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="countersign"/);
  }
}

/** A call that is allowed, for hostile lines to be laid over. */
function rightCall(gateway: string): string[] {
  const credential = ['X-Consumer-ID', 'c-1', 'apikey', 'k'];
  if (gateway === 'envoy') return ['Host', 'h', 'X-Forwarded-Proto', 'https', ...credential];
  return [...(gateway.includes('nginx') ? nginxHeaders() : forwardedHeaders()), ...credential];
}

/** Lines with the name of one that is there take its place. */
function laidOver(right: readonly string[], hostile: readonly string[]): string[] {
  const names = hostile.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : ''));
  const kept = right.filter((_, at) => !names.includes(right[at - (at % 2)]?.toLowerCase() ?? ''));
  return [...kept, ...hostile];
}

describe('whatever a client makes a gateway send', () => {
  it('is answered as the contract says, and never by a mistake of ours', async () => {
    const statuses = new Map<number, number>();
    const gateway = fc.constantFrom(...httpProfiles);
    await fc.assert(
      fc.asyncProperty(gateway, target, method, lines, async (called, rest, verb, hostile) => {
        const right = rightCall(called);
        for (const headers of [laidOver(right, hostile), [...right, ...hostile], hostile]) {
          const answer = await service.ask(`/auth/${called}${rest}`, headers, verb);
          expectSafe(answer);
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        }
      }),
      { numRuns: 500 },
    );
    // Else the property would hold for a service that refuses everything.
    for (const status of [200, 401, 403]) expect(statuses.get(status)).toBeGreaterThan(50);
    expect(service.logged.filter(({ message }) => message === 'a request failed')).toEqual([]);
  });

  it('never gets through at a path that is not a gateway’s', async () => {
    await fc.assert(
      fc.asyncProperty(target, lines, async (path, headers) => {
        const answer = await service.ask(`/${path}`, [
          ...nginxHeaders(),
          ...headers,
          'apikey',
          'k',
        ]);
        expect([400, 404]).toContain(answer.status);
      }),
      { numRuns: 200 },
    );
  });
});
