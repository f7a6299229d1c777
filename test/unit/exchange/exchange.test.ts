import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { issueCertificate, name } from '../../support/certificates.ts';
import {
  claimsOf,
  forwardedHeaders,
  nginxHeaders,
  startService,
  type TestService,
  unsignedJwt,
} from '../../support/service.ts';

/** The whole decision, from a request to a token, with everything between. */

const directory = mkdtempSync(join(tmpdir(), 'exchange-'));
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
writeFileSync(
  join(directory, 'keys.yaml'),
  `- { owner: shop, sha256: ${sha256('shop-key')}, claims: { plan: gold } }
- { owner: guest, sha256: ${sha256('guest-key')}, expires: 2001-01-01 }
`,
);
const verified = `api_key: { verify: { keys_file: ${directory}/keys.yaml } }`;
const started: TestService[] = [];
async function start(rest: string) {
  const service = await startService(`issuer: https://countersign.example.com\n${rest}`);
  started.push(service);
  return service;
}
afterAll(async () => {
  await Promise.all(started.map((each) => each.close()));
  rmSync(directory, { recursive: true });
});

const exp = Math.floor(Date.now() / 1000) + 600;
const bearer = (claims: object = {}) => [
  ...['Authorization', `Bearer ${unsignedJwt({ clientId: 'web', sub: 'alice', exp, ...claims })}`],
];
const basic = ['Authorization', `Basic ${Buffer.from('bob:pw').toString('base64')}`];
const apiKey = (key = 'shop-key') => ['apikey', key];
const certificateOf = (CN: string) => [
  ...['Client-Cert', `:${issueCertificate({ subject: name({ CN }) }).der.toString('base64')}:`],
];
interface Call {
  readonly url?: string;
  readonly method?: string;
  readonly gateway?: string;
  readonly headers?: readonly string[];
}
async function ask(
  service: TestService,
  { url, method, gateway = 'caddy', headers = bearer() }: Call = {},
) {
  const answer = await service.ask(`/auth/${gateway}`, [
    ...forwardedHeaders(url, method),
    ...headers,
  ]);
  const decision = service.decisions.at(-1);
  const reason = decision?.allowed === false ? decision.reason : 'allowed';
  const token = answer.headers['x-custom-jwt'];
  return {
    status: answer.status,
    reason,
    token,
    headers: answer.headers,
    claims: token ? claimsOf(token) : {},
  };
}

describe('of several credentials', () => {
  const kinds = {
    bearer: bearer(),
    basic,
    client_certificate: certificateOf('client-1'),
    api_key: apiKey(),
  };
  type Kind = keyof typeof kinds;
  const trusted = (kind: string) => `${kind}: { trust: gateway }`;
  const configured = async (...entries: string[]) =>
    start(`
gateways: { caddy: { client_certificate: true } }
credentials: [${entries.map((entry) => `{ ${entry} }`).join()}]
token: { audience: a }
`);

  it('any two that are trusted are ambiguous, whatever the order', async () => {
    const all = Object.keys(kinds) as Kind[];
    for (const order of [all, [...all].reverse()]) {
      const service = await configured(...order.map(trusted));
      for (const [one, two] of pairsOf(all)) {
        if (one === 'bearer' && two === 'basic') continue; // one header carries both
        const { reason } = await ask(service, { headers: [...kinds[one], ...kinds[two]] });
        expect([one, two, reason]).toEqual([one, two, 'ambiguous_credential']);
      }
    }
  });

  it.each<[string, string[], string[], string]>([
    [
      'a verified one decides before a trusted one',
      [verified, trusted('bearer')],
      [...apiKey(), ...bearer()],
      'shop',
    ],
    [
      'a trusted one does not decide beside a verified one',
      [trusted('bearer'), verified],
      [...apiKey(), ...bearer()],
      'ambiguous_credential',
    ],
    [
      'a bad one does not fall through',
      [verified, trusted('bearer')],
      [...apiKey('x'), ...bearer()],
      'unknown_api_key',
    ],
    [
      'an expired one does not fall through',
      [verified, trusted('bearer')],
      [...apiKey('guest-key'), ...bearer()],
      'api_key_expired',
    ],
    [
      'an empty one does not fall through',
      [verified, trusted('bearer')],
      [...apiKey(''), ...bearer()],
      'malformed_credential',
    ],
    [
      'a later one serves where the first is absent',
      [trusted('bearer'), verified],
      apiKey(),
      'shop',
    ],
    [
      'one that is not configured is not seen',
      [trusted('bearer')],
      [...bearer(), ...apiKey('x'), ...certificateOf('x')],
      'web',
    ],
    [
      'the stated one decides',
      [trusted('bearer'), trusted('api_key')],
      [...bearer(), ...apiKey(), 'X-Countersign-Credential', 'bearer'],
      'web',
    ],
    [
      'the stated one must be there',
      [trusted('bearer'), trusted('api_key')],
      [...bearer(), 'X-Countersign-Credential', 'api_key'],
      'wrong_stated_credential',
    ],
    [
      'the stated one must be configured',
      [trusted('bearer')],
      [...bearer(), 'X-Countersign-Credential', 'basic'],
      'wrong_stated_credential',
    ],
    [
      'a stated one is still verified',
      [trusted('bearer'), verified],
      [...bearer(), ...apiKey('x'), 'X-Countersign-Credential', 'api_key'],
      'unknown_api_key',
    ],
    [
      'an unknown scheme is refused beside a good one',
      [trusted('bearer'), verified],
      [...apiKey(), 'Authorization', 'Digest a'],
      'unknown_scheme',
    ],
    [
      'a scheme that is not configured is unknown',
      [trusted('bearer'), verified],
      [...apiKey(), ...basic],
      'unknown_scheme',
    ],
    [
      'Authorization means nothing where no kind reads it',
      [verified],
      [...apiKey(), 'Authorization', 'Digest a'],
      'shop',
    ],
  ])('%s', async (_what, entries, headers, expected) => {
    const { status, reason, claims } = await ask(await configured(...entries), { headers });
    expect(status === 200 ? claims['client_id'] : reason).toBe(expected);
  });
});

function pairsOf<T>(all: readonly T[]): [T, T][] {
  return all.flatMap((one, at) => all.slice(at + 1).map((two): [T, T] => [one, two]));
}

describe('a route', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await start(`
gateways: { caddy: {}, kong: {} }
credentials: [{ bearer: { trust: gateway } }]
token: { audience: everything, claims: { tenant: claims.tenant, route: route.name } }
routes:
  - { match: { paths: [/public/**] }, anonymous: { client_id: nobody } }
  - { match: { paths: [/admin/**] }, require: '"admin" in claims.roles' }
  - { match: { paths: [/admin/**], methods: [DELETE] }, require: 'claims.level > 3' }
  - { match: { hosts: [orders.example.com] }, token: { audience: [orders, stock], expires_in: 2m, copy: [tenant], jku: false } }
  - { match: { hosts: ['*.example.org'] }, token: { audience: upstream, claims: { tenant: null, region: { value: eu } } } }
  - { name: secure, match: { hosts: ['pay.example.com:443'] }, require: 'false' }
default_route: {}
`);
  });

  it.each<[string, Call, number, string, object]>([
    [
      'serves without a credential',
      { url: 'https://h/public/a', headers: [] },
      200,
      'allowed',
      { client_id: 'nobody', route: 'routes[0]', aud: 'everything' },
    ],
    [
      'serves a credential too',
      { url: 'https://h/public/a' },
      200,
      'allowed',
      { client_id: 'web' },
    ],
    [
      'does not serve a bad credential as nobody',
      { url: 'https://h/public/a', headers: ['Authorization', 'Bearer x'] },
      401,
      'invalid_token',
      {},
    ],
    [
      'does not serve an unknown scheme as nobody',
      { url: 'https://h/public/a', headers: ['Authorization', 'Digest x'] },
      401,
      'unknown_scheme',
      {},
    ],
    [
      'cannot be had by dot segments',
      { url: 'https://h/public/../admin/x', headers: [] },
      403,
      'ambiguous_path',
      {},
    ],
    [
      'cannot be had by an encoded slash',
      { url: 'https://h/public%2f..%2fadmin', headers: [] },
      403,
      'ambiguous_path',
      {},
    ],
    [
      'cannot be had by a semicolon',
      { url: 'https://h/public/..;/admin', headers: [] },
      403,
      'ambiguous_path',
      {},
    ],
    [
      'cannot be had by a query',
      { url: 'https://h/admin?/public/', headers: [] },
      401,
      'no_credential',
      {},
    ],
    [
      'requires what holds',
      { url: 'https://h/admin/x', headers: bearer({ roles: ['admin'] }) },
      200,
      'allowed',
      {},
    ],
    [
      'requires what does not hold',
      { url: 'https://h/admin/x', headers: bearer({ roles: ['user'] }) },
      403,
      'requirement',
      {},
    ],
    ['requires what is missing', { url: 'https://h/admin/x' }, 403, 'requirement', {}],
    [
      'requires what fails',
      { url: 'https://h/admin/x', headers: bearer({ roles: 7 }) },
      403,
      'requirement',
      {},
    ],
    ['is found behind an escape', { url: 'https://h/%61dmin/x' }, 403, 'requirement', {}],
    [
      'is found by method',
      { url: 'https://h/admin/x', method: 'DELETE', headers: bearer({ level: 4 }) },
      200,
      'allowed',
      {},
    ],
    [
      'is found by method and fails',
      {
        url: 'https://h/admin/x',
        method: 'DELETE',
        headers: bearer({ level: 'x', roles: ['admin'] }),
      },
      403,
      'requirement',
      {},
    ],
    [
      'is verified before it is judged',
      { url: 'https://h/admin/x', headers: [] },
      401,
      'no_credential',
      {},
    ],
    [
      'has its own token',
      { url: 'https://ORDERS.example.com./x', headers: bearer({ tenant: 't', x: 1 }) },
      200,
      'allowed',
      { aud: ['orders', 'stock'], tenant: 't', route: 'routes[3]' },
    ],
    [
      'has the upstream of a wildcard host',
      { url: 'https://a.b.example.org:8443/x', headers: bearer({ tenant: 't' }) },
      403,
      'unknown_host',
      {},
    ],
    [
      'has the upstream of a host with the scheme’s port',
      { url: 'https://a.b.example.org:443/x', headers: bearer({ tenant: 't' }) },
      200,
      'allowed',
      { aud: 'https://a.b.example.org', tenant: 't', region: 'eu' },
    ],
    [
      'of a port is found when the scheme implies it',
      { url: 'https://pay.example.com/x' },
      403,
      'requirement',
      {},
    ],
    [
      'of a port is found when it is written',
      { url: 'https://pay.example.com:443/x' },
      403,
      'requirement',
      {},
    ],
    [
      'of a port is another with another',
      { url: 'http://pay.example.com/x' },
      200,
      'allowed',
      { route: 'default_route' },
    ],
    [
      'that is not there leaves the default',
      { url: 'https://h/x' },
      200,
      'allowed',
      { aud: 'everything', route: 'default_route' },
    ],
    [
      'for anybody names no anonymous consumer',
      {
        gateway: 'kong',
        url: 'https://h/public/a',
        headers: ['X-Consumer-ID', 'c', 'X-Anonymous-Consumer', 'true'],
      },
      200,
      'allowed',
      { client_id: 'nobody' },
    ],
  ])('%s', async (_what, call, status, reason, expected) => {
    const answer = await ask(service, call);
    expect([answer.status, answer.reason]).toEqual([status, reason]);
    expect(answer.claims).toMatchObject(expected);
    if (call.gateway === 'kong') expect(answer.claims).not.toHaveProperty('act');
  });

  it('lays its token over the general one', async () => {
    const { claims, token } = await ask(service, {
      url: 'https://orders.example.com/',
      headers: bearer({ tenant: 't', x: 1 }),
    });
    expect(claims).not.toHaveProperty('x');
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(120);
    expect(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString()).not.toContain(
      'jku',
    );
  });

  it('that is missing is 403 without a default', async () => {
    const strict = await start(`
gateways: { caddy: {} }
credentials: [{ bearer: { trust: gateway } }]
routes: [{ match: { paths: [/a] }, token: { audience: a } }]
`);
    expect(await ask(strict, { url: 'https://h/b' })).toMatchObject({
      status: 403,
      reason: 'no_route',
    });
    expect(await ask(strict, { url: 'https://h/b', headers: [] })).toMatchObject({ status: 403 });
    expect(await ask(strict, { url: 'https://h/a/' })).toMatchObject({ status: 200 });
  });

  it('that ties with another is an error of the configuration', async () => {
    const tied = start(`
gateways: { caddy: {} }
credentials: [{ bearer: { trust: gateway } }]
token: { audience: a }
routes: [{ match: { paths: [/a/*] } }, { match: { paths: ['/*/a'] } }]
`);
    await expect(tied).rejects.toThrow(/routes\[1\]\.match.*ties with routes\[0\]/);
  });
});

describe('an expression', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await start(`
gateways: { caddy: {} }
credentials: [{ bearer: { trust: gateway } }]
token:
  audience: { cel: 'claims.aud_to' }
  claims:
    tenant: request.headers["x-tenant"]
    role: claims.realm_access.roles[0]
    half: claims.n / 2.0
    n: claims.n
    list: '[1, 2.5, "a", true, null]'
    map: '{"a": {"b": claims.n}}'
    fixed: { value: { a: [1] } }
  headers: { X-Subject: subject }
`);
  });
  const call = (claims: object, ...headers: string[]): Call => ({
    headers: [...bearer({ aud_to: 'a', n: 4, ...claims }), ...headers],
  });

  it('makes claims of any JSON, over what was copied', async () => {
    const { claims } = await ask(
      service,
      call({ tenant: 'forged', map: 'x', realm_access: { roles: ['r'] } }, 'X-Tenant', 't'),
    );
    expect(claims).toMatchObject({
      ...{ tenant: 't', role: 'r', half: 2, n: 4, list: [1, 2.5, 'a', true, null] },
      ...{ map: { a: { b: 4 } }, fixed: { a: [1] } },
    });
  });

  it.each([[undefined], [{}], [{ roles: [] }], ['a text']])(
    'that misses a member leaves the claim out, also a copied one: %j',
    async (realm_access) => {
      const { claims } = await ask(
        service,
        call({ tenant: 'forged', role: 'forged', realm_access }),
      );
      expect(claims).toMatchObject({ client_id: 'web' });
      expect(claims).not.toHaveProperty('tenant');
      expect(claims).not.toHaveProperty('role');
    },
  );

  it.each<[string, Call, string]>([
    ['a claim that fails', call({ n: 'x' }), 'claim_failed'],
    ['an audience that is missing', call({ aud_to: undefined }), 'no_audience'],
    ['an audience that is empty', call({ aud_to: '' }), 'no_audience'],
    ['an audience that is a number', call({ aud_to: 1 }), 'no_audience'],
    ['an audience that is null', call({ aud_to: null }), 'no_audience'],
    ['an audience that is an empty list', call({ aud_to: [] }), 'no_audience'],
    ['an audience with a number in it', call({ aud_to: ['a', 1] }), 'no_audience'],
    ['a header that is missing', call({ sub: undefined }), 'header_failed'],
    ['a header that is not ASCII', call({ sub: 'Zoë' }), 'header_failed'],
    ['a header with a space before', call({ sub: ' a' }), 'header_failed'],
  ])('refuses %s', async (_what, request, reason) => {
    expect(await ask(service, request)).toMatchObject({ status: 403, reason });
  });

  it('gives a list of audiences, and a header', async () => {
    const { claims, headers } = await ask(service, call({ aud_to: ['a', 'b'] }));
    expect(claims['aud']).toEqual(['a', 'b']);
    expect(headers['x-subject']).toBe('alice');
  });
});

describe('reuse', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await start(`
gateways:
  caddy: { client_certificate: true }
  apisix: {}
  kong: { consumer: optional }
credentials: [{ bearer: { trust: gateway, exp: optional } }, { basic: { trust: gateway } }]
token: { audience: a, expires_in: 10m }
routes:
  - { match: { paths: [/method] }, token: { claims: { x: request.method } } }
  - { match: { paths: [/host] }, token: { claims: { x: request.host } } }
  - { match: { paths: [/scheme] }, token: { claims: { x: 'request["scheme"]' } } }
  - { match: { paths: [/path/**] }, require: 'request.path != "/path/x"' }
  - { match: { paths: [/query] }, token: { audience: { cel: request.query } } }
  - { match: { paths: [/header] }, require: '!("x-tenant" in request.headers) || request.headers["x-tenant"] != "no"' }
  - { match: { paths: [/computed] }, token: { claims: { x: 'request.headers["x-" + claims.name]' } } }
  - { match: { paths: [/request] }, token: { claims: { x: 'size(request)' } } }
  - { match: { paths: [/off] }, token: { reuse: off } }
  - { match: { paths: [/most] }, token: { reuse: 90% } }
  - { match: { hosts: [upstream.example.com, '*.up.example.com'] }, token: { audience: upstream } }
default_route: {}
`);
  });
  let jti = 0;
  /** A credential that no other test uses. */
  const fresh = (claims: object = {}) => bearer({ exp: undefined, jti: `${++jti}`, ...claims });
  const kong = (...headers: string[]) => ({ gateway: 'kong', headers });

  it.each<[string, Call, Call]>([
    ['everything is the same', {}, {}],
    [
      'what differs is read by nobody',
      { url: 'https://h/a?b', method: 'GET' },
      { url: 'http://g/c?d', method: 'PUT' },
    ],
    ['a header that nobody reads differs', { headers: ['X-A', '1'] }, { headers: ['X-A', '2'] }],
    [
      'another route reads what differs',
      { url: 'https://h/method', method: 'GET' },
      { url: 'https://g/method', method: 'GET' },
    ],
  ])('hands a token out again when %s', async (_what, one, two) => {
    const credential = fresh();
    const [first, second] = [
      await ask(service, { ...one, headers: [...credential, ...(one.headers ?? [])] }),
      await ask(service, { ...two, headers: [...credential, ...(two.headers ?? [])] }),
    ];
    expect(second.status).toBe(200);
    expect(second.token).toBe(first.token);
  });

  it.each<[string, Call, Call]>([
    ['method', { url: 'https://h/method' }, { url: 'https://h/method', method: 'PUT' }],
    ['host', { url: 'https://h/host' }, { url: 'https://g/host' }],
    ['port', { url: 'https://h/host' }, { url: 'https://h:8443/host' }],
    ['scheme', { url: 'https://h/scheme' }, { url: 'http://h/scheme' }],
    ['path', { url: 'https://h/path/a' }, { url: 'https://h/path/b' }],
    ['spelling of the path', { url: 'https://h/path/a' }, { url: 'https://h/path/%61' }],
    ['query', { url: 'https://h/query?a' }, { url: 'https://h/query?b' }],
    [
      'header',
      { url: 'https://h/header', headers: ['X-Tenant', 'a'] },
      { url: 'https://h/header', headers: ['X-Tenant', 'b'] },
    ],
    [
      'header that is not there',
      { url: 'https://h/header', headers: ['X-Tenant', ''] },
      { url: 'https://h/header' },
    ],
    ['header with a computed name', { url: 'https://h/computed' }, { url: 'https://h/computed' }],
    [
      'request as a whole',
      { url: 'https://h/request' },
      { url: 'https://h/request', method: 'PUT' },
    ],
    ['route', { url: 'https://h/x' }, { url: 'https://h/method' }],
    ['route, where none reads anything', { url: 'https://h/off' }, { url: 'https://h/off' }],
    ['gateway', {}, { gateway: 'apisix' }],
    [
      'scheme, for an audience of the upstream',
      { url: 'https://upstream.example.com/' },
      { url: 'http://upstream.example.com/' },
    ],
    [
      'host, for an audience of the upstream',
      { url: 'https://upstream.example.com/' },
      { url: 'https://a.up.example.com/' },
    ],
    ['certificate', { headers: certificateOf('a') }, { headers: certificateOf('b') }],
    ['certificate or none', { headers: certificateOf('a') }, {}],
    ['consumer’s id', kong('X-Consumer-ID', 'a'), kong('X-Consumer-ID', 'b')],
    ['consumer’s custom id', kong('X-Consumer-Custom-ID', 'a'), kong('X-Consumer-Custom-ID', 'b')],
    ['consumer’s ids, exchanged', kong('X-Consumer-ID', 'a'), kong('X-Consumer-Custom-ID', 'a')],
    ['consumer or none', kong('X-Consumer-ID', 'a'), kong()],
    ['upstream URL', kong('X-Upstream-Url', 'http://a'), kong('X-Upstream-Url', 'http://b')],
  ])('makes a new token for another %s', async (_what, one, two) => {
    const credential = fresh({ name: 'b' });
    const [first, second] = [
      await ask(service, { ...one, headers: [...credential, ...(one.headers ?? [])] }),
      await ask(service, { ...two, headers: [...credential, ...(two.headers ?? [])] }),
    ];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.claims['jti']).not.toBe(first.claims['jti']);
  });

  it('makes a new token for another credential, also one that says the same', async () => {
    const [one = '', value = ''] = fresh();
    const first = await ask(service, { headers: [one, value] });
    expect((await ask(service, { headers: [one, value.replace(' ', '  ')] })).token).not.toBe(
      first.token,
    );
    expect((await ask(service, { headers: [one, `${value}A`] })).token).not.toBe(first.token);
  });

  it('never answers for a requirement that would not hold', async () => {
    const credential = fresh();
    expect((await ask(service, { url: 'https://h/path/a', headers: credential })).status).toBe(200);
    expect((await ask(service, { url: 'https://h/path/x', headers: credential })).status).toBe(403);
    expect((await ask(service, { url: 'https://h/header', headers: credential })).status).toBe(200);
    const no = [...credential, 'X-Tenant', 'no'];
    expect((await ask(service, { url: 'https://h/header', headers: no })).status).toBe(403);
  });

  it('signs once for identical requests in flight', async () => {
    const headers = fresh();
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(service, { headers })));
    expect(new Set(answers.map(({ token }) => token)).size).toBe(1);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });

  it('keeps no refusal', async () => {
    const headers = bearer({
      jti: `${++jti}`,
      nbf: Math.floor(Date.now() / 1000) + 65,
      exp: undefined,
    });
    const asked = () => ask(service, { headers });
    expect((await Promise.all([asked(), asked()])).map(({ status }) => status)).toEqual([401, 401]);
    service.advance(65);
    expect((await asked()).status).toBe(200);
  });

  it.each([
    ['half its life is left', '/x', 295, 10],
    ['nine tenths of it are, where that is said', '/most', 55, 10],
  ])('ends when less than %s', async (_what, path, before, after) => {
    const call = { url: `https://h${path}`, headers: fresh() };
    const first = await ask(service, call);
    service.advance(before);
    expect((await ask(service, call)).token).toBe(first.token);
    service.advance(after);
    const second = await ask(service, call);
    expect(second.token).not.toBe(first.token);
    expect(Number(second.claims['exp'])).toBeGreaterThan(Number(first.claims['exp']));
  });

  it('goes on to the end where a new token could not live longer', async () => {
    const soon = decided(service) + 300;
    const headers = fresh({ exp: soon });
    const first = await ask(service, { headers });
    expect(first.claims['exp']).toBe(soon);
    service.advance(290);
    expect((await ask(service, { headers })).token).toBe(first.token);
    service.advance(15);
    expect(await ask(service, { headers })).toMatchObject({ status: 401, reason: 'token_expired' });
  });

  /** The service's own time, seconds: that of the last token it made. */
  function decided({ decisions }: TestService): number {
    const iats = decisions.map((each) => (each.allowed ? each.token.iat : 0));
    return Math.max(...iats);
  }
});

describe('an opaque token', () => {
  let active = true;
  let asked = 0;
  const server = createServer((_req, res) => {
    asked++;
    const answer = active ? { active, client_id: 'web', exp: exp + 86_400 } : { active };
    res.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
  });
  let service: TestService;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    service = await start(`
gateways: { caddy: {} }
credentials:
  - bearer:
      client_id: client_id
      verify:
        introspection: { endpoint: 'http://127.0.0.1:${port}/', client_id: c, client_secret: s3cr3t }
token: { audience: a, expires_in: 1h }
`);
  });
  afterAll(() => {
    server.close();
  });

  it('is reused no longer than its introspection is believed', async () => {
    const opaque = { headers: ['Authorization', 'Bearer opaque'] };
    const first = await ask(service, opaque);
    expect(first).toMatchObject({ status: 200, claims: { client_id: 'web' } });
    active = false;
    service.advance(50);
    expect((await ask(service, opaque)).token).toBe(first.token);
    expect(asked).toBe(1);
    service.advance(11);
    expect(await ask(service, opaque)).toMatchObject({ status: 401, reason: 'inactive_token' });
  });
});

describe('a request that could be read in two ways', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService(`
issuer: https://countersign.example.com
gateways: { nginx: {}, kong: {} }
credentials: [{ bearer: { trust: gateway, client_id: sub } }]
token:
  upstream_hosts: ['api.example.com:443', 'plain.example.com:80']
  copy: none
  claims: { hop: 'request.headers["connection"]' }
default_route: { require: 'request.path.startsWith("/public/")' }
`);
  });
  afterAll(() => service.close());
  const claims = { sub: 'alice', exp: 4_000_000_000, act: { client_id: 'portal' } };
  const bearer = ['Authorization', `Bearer ${unsignedJwt(claims)}`];

  it.each([
    ['/public/a', 200],
    ['/public/../admin', 403],
    ['/public/%2e%2e/admin', 403],
    ['/public//admin', 403],
    ['/public/..%2fadmin', 403],
  ])('is refused where `require` judges by the path: %s', async (path, status) => {
    const url = `https://api.example.com${path}`;
    const answer = await service.ask('/auth/nginx', [...nginxHeaders(url), ...bearer]);
    expect(answer.status).toBe(status);
  });

  it.each([
    ['https://api.example.com', 200],
    ['https://api.example.com:443', 200],
    ['http://api.example.com', 403],
    ['https://api.example.com:444', 403],
    ['http://plain.example.com', 200],
  ])('names an audience by its scheme’s own port: %s', async (origin, status) => {
    const headers = [...nginxHeaders(`${origin}/public/a`), ...bearer];
    expect((await service.ask('/auth/nginx', headers)).status).toBe(status);
  });

  it('keeps the chain of actors though nothing else is copied', async () => {
    const kong = [
      ...forwardedHeaders('https://api.example.com/public/a'),
      ...['X-Upstream-Url', 'https://orders.internal', 'X-Consumer-ID', 'mobile'],
    ];
    const answer = await service.ask('/auth/kong', [...kong, ...bearer]);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      act: { client_id: 'mobile', act: { client_id: 'portal' } },
    });
  });

  it('never takes Connection for a header of the original request', async () => {
    const ask = (connection: string) =>
      service.ask('/auth/nginx', [
        ...nginxHeaders('https://api.example.com/public/a'),
        ...bearer,
        ...['Connection', connection],
      ]);
    expect((await ask('close, authorization')).status).toBe(401);
    const answer = await ask('close');
    expect(claimsOf(answer.headers['x-custom-jwt'])).not.toHaveProperty('hop');
  });
});
