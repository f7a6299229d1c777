import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { issueCertificate, name, pemOf } from '../support/certificates.ts';
import {
  type Answer,
  claimsOf,
  forwardedHeaders,
  httpProfiles,
  nginxHeaders,
  startService,
  type TestService,
  unsignedJwt,
} from '../support/service.ts';

/** What each gateway sends, as recorded from the real ones, and what it may be answered. */

const gateways = `
gateways:
${httpProfiles.map((each) => `  ${each}: { client_certificate: true }`).join('\n')}
  edge: { profile: nginx }
`;

let service: TestService;
let cutOff: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
${gateways}
credentials:
  - bearer: { trust: gateway, client_id: azp }
  - basic: { trust: gateway }
  - client_certificate: { trust: gateway }
  - api_key: { trust: gateway }
token:
  audience: backend
  claims:
    asked: '[request.method, request.host, request.path, request.query]'
    scheme: request.scheme
  headers: { X-Client-Id: client_id, X-Level: 'has(claims.level) ? claims.level : 1' }
routes:
  - match: { hosts: [forbidden.example.com] }
    require: 'false'
default_route: {}
`);
  cutOff = await startService(`
issuer: https://countersign.example.com
${gateways}
credentials:
  - bearer: { verify: { issuer: 'http://127.0.0.1:1', audiences: any } }
token: { audience: backend }
`);
});
afterAll(() => Promise.all([service.close(), cutOff.close()]));

const exp = Math.floor(Date.now() / 1000) + 600;
const bearer = ['authorization', `Bearer ${unsignedJwt({ azp: 'web', exp })}`];
const consumer = ['X-Consumer-ID', 'c-1'];
const { der } = issueCertificate({ subject: name({ O: 'Acme', CN: 'client-1' }) });
const ca = issueCertificate({ subject: name({ CN: 'CA' }) }).der;
const base64 = der.toString('base64');
const urlPem = encodeURIComponent(pemOf(der));

/** The path and the headers with which a gateway asks about a request. */
function callOf(gateway: string, url = 'https://api.example.com/orders?id=1', method = 'GET') {
  const [, scheme = '', host = '', uri = ''] = /^(\w+):\/\/([^/]*)(.*)$/s.exec(url) ?? [];
  switch (gateway) {
    case 'nginx':
    case 'ingress-nginx':
    case 'edge':
      return { path: `/auth/${gateway}`, method: 'GET', headers: nginxHeaders(url, method) };
    case 'envoy':
      return {
        ...{ path: `/auth/envoy${uri}`, method },
        headers: ['host', host, 'content-length', '0', 'x-forwarded-proto', scheme],
      };
    default: {
      const headers = forwardedHeaders(url, method);
      const more = gateway === 'kong' ? consumer : [];
      return { path: `/auth/${gateway}`, method: 'GET', headers: [...headers, ...more] };
    }
  }
}

function ask(call: ReturnType<typeof callOf>, headers: readonly string[] = bearer, at = service) {
  return at.ask(call.path, [...call.headers, ...headers], call.method);
}
const replaced = (headers: readonly string[], header: string, value: string) =>
  headers.map((text, at) => (headers[at - 1] === header ? value : text));
const reason = (at = service) => {
  const decision = at.decisions.at(-1);
  return decision?.allowed === false ? decision.reason : 'allowed';
};
const lines = ({ rawHeaders }: Answer, wanted: string) =>
  rawHeaders.filter((_, at) => rawHeaders[at - 1]?.toLowerCase() === wanted && at % 2 === 1);

describe.each([...httpProfiles, 'edge'])('%s', (gateway) => {
  it('is answered 200 with nothing but the headers that were promised, each once', async () => {
    const answer = await ask(callOf(gateway));
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('');
    const sent = answer.rawHeaders.filter((_, at) => at % 2 === 0).sort();
    const framing = ['Connection', 'Content-Length', 'Date'];
    expect(sent).toEqual([...framing, 'X-Client-Id', 'X-Custom-Jwt', 'X-Level'].sort());
    expect(lines(answer, 'x-client-id')).toEqual(['web']);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      client_id: 'web',
      scheme: 'https',
      asked: ['GET', 'api.example.com', '/orders', 'id=1'],
    });
  });

  it.each(['DELETE', 'PROPFIND', 'M-SEARCH'])('asks about %s too', async (method) => {
    const answer = await ask(callOf(gateway, undefined, method));
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      asked: [method, 'api.example.com', '/orders', 'id=1'],
    });
  });

  it.each([
    ['/a/../b', '/a/../b', ''],
    ['//double//x', '//double//x', ''],
    ['/a%2Fb%00?q=%20z&q=2', '/a%2Fb%00', 'q=%20z&q=2'],
    ['/pct%zz', '/pct%zz', ''],
    ['/?', '/', ''],
    ['/a?b?c#d', '/a', 'b?c#d'],
    ['/a;b=c', '/a;b=c', ''],
    ['/http://other.example/x', '/http://other.example/x', ''],
  ])('is read raw: %s', async (target, path, query) => {
    const answer = await ask(callOf(gateway, `http://API.Example.com.:80${target}`));
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      scheme: 'http',
      asked: ['GET', 'api.example.com', path, query],
    });
  });

  it.each([
    ['401 without a credential', undefined, [], 401, 'no_credential'],
    ['401 for a bad one', undefined, ['authorization', 'Bearer x'], 401, 'invalid_token'],
    ['403 where nobody may go', 'https://forbidden.example.com/', bearer, 403, 'requirement'],
    [
      '403 without a header that was promised',
      undefined,
      ['authorization', `Bearer ${unsignedJwt({ azp: 'web', exp, level: '' })}`],
      403,
      'header_failed',
    ],
    [
      '403 when a promised header would not survive',
      undefined,
      ['authorization', `Bearer ${unsignedJwt({ azp: 'web', exp, level: 'a\r\nX-Admin: 1' })}`],
      403,
      'header_failed',
    ],
    [
      '403 when the token is too large',
      undefined,
      ['authorization', `Bearer ${unsignedJwt({ azp: 'web', exp, blob: 'b'.repeat(4000) })}`],
      403,
      'token_too_large',
    ],
  ])('is answered %s', async (_what, url, headers, status, why) => {
    const answer = await ask(callOf(gateway, url), headers);
    expect([answer.status, reason()]).toEqual([status, why]);
    expectRefusal(gateway, answer);
    expect(lines(answer, 'www-authenticate')).toEqual(
      status === 401
        ? [
            `Bearer realm="countersign"${why === 'invalid_token' ? ', error="invalid_token"' : ''}`,
            'Basic realm="countersign", charset="UTF-8"',
            'ClientCertificate realm="countersign"',
            'ApiKey realm="countersign"',
          ]
        : [],
    );
  });

  it('is never told to drop a good token while an identity provider is down', async () => {
    const token = unsignedJwt({ iss: 'http://127.0.0.1:1', exp }, { alg: 'RS256', kid: 'k' });
    const answer = await ask(callOf(gateway), ['authorization', `Bearer ${token}`], cutOff);
    const carries503 = !/nginx|edge|envoy/.test(gateway);
    expect([answer.status, reason(cutOff)]).toEqual([carries503 ? 503 : 403, 'issuer_unavailable']);
    expect(lines(answer, 'www-authenticate')).toEqual([]);
    expect(lines(answer, 'retry-after')).toEqual(['5']);
    expectRefusal(gateway, answer);
  });

  it('is answered 401 for an issuer that is not known, also while another is down', async () => {
    const token = unsignedJwt({ iss: 'https://evil.example', exp }, { alg: 'RS256', kid: 'k' });
    expect((await ask(callOf(gateway), ['authorization', `Bearer ${token}`], cutOff)).status).toBe(
      401,
    );
  });

  it.each([
    'orders.example.com?',
    'orders.example.com#',
    'a@b',
    'user:pw@orders.example.com',
    'orders example.com',
    'orders.example.com:0',
    'orders.example.com:99999',
    'orders.example.com:8a',
    'orders.example.com:',
    'orders.example.com,evil.example',
    '[fe80::1%25eth0]',
    '[fe80::1%eth0]',
    '[::1',
    'a..b',
    '.',
    '-a.example.com',
    'ex\u00e4mple.com',
    'a\\b',
    'a%2eb',
    '',
  ])('is answered 403 for the host %j', async (host) => {
    const answer = await ask(callOf(gateway, `https://${host}/admin`));
    expect([answer.status, reason()]).toEqual([403, 'malformed_request']);
  });

  it.each([
    ['API.example.com', 'api.example.com'],
    ['api.example.com.', 'api.example.com'],
    ['api.example.com:443', 'api.example.com'],
    ['api.example.com:00443', 'api.example.com'],
    ['api.example.com:80', 'api.example.com:80'],
    ['api.example.com.:8443', 'api.example.com:8443'],
    ['10.0.0.1:8080', '10.0.0.1:8080'],
    ['[FD00::1]:443', '[fd00::1]'],
    ['_', '_'],
  ])('reads the host %s as %s', async (host, read) => {
    const answer = await ask(callOf(gateway, `https://${host}/x`));
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      asked: ['GET', read, '/x', ''],
    });
  });
});

function expectRefusal(gateway: string, answer: Answer) {
  expect(Object.keys(answer.headers)).toEqual(
    expect.not.arrayContaining(['x-custom-jwt', 'x-client-id', 'x-level']),
  );
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(JSON.parse(answer.body)).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status: answer.status,
    detail: expect.any(String),
  });
  const repeats = /nginx|edge/.test(gateway) ? [answer.body] : [];
  expect(lines(answer, 'x-auth-error')).toEqual(repeats);
}

describe('a client certificate', () => {
  const xfcc = `Hash=ab;Cert="${urlPem}";Subject="CN=client-1,O=Acme";URI=spiffe://acme.test/client-1`;
  const nginx = ['X-SSL-Client-Cert', urlPem];
  const ingress = ['ssl-client-cert', urlPem];

  it.each<[string, string, string[]]>([
    ['nginx', 'URL-encoded PEM', [...nginx, 'X-SSL-Client-Verify', 'SUCCESS']],
    [
      'ingress-nginx',
      'its own header',
      [...ingress, 'ssl-client-verify', 'SUCCESS', 'ssl-client-subject-dn', 'CN=admin'],
    ],
    ['traefik', 'base64', ['X-Forwarded-Tls-Client-Cert', base64]],
    [
      'traefik',
      'a list, leaf first',
      ['X-Forwarded-Tls-Client-Cert', `${base64},${ca.toString('base64')}`],
    ],
    ['caddy', 'RFC 9440', ['Client-Cert', `:${base64}:`]],
    ['haproxy', 'RFC 9440', ['Client-Cert', `:${base64}:`]],
    ['apache', 'RFC 9440', ['Client-Cert', `:${base64}:`]],
    ['apisix', 'RFC 9440', ['Client-Cert', `:${base64}:`]],
    ['kong', 'RFC 9440', ['Client-Cert', `:${base64}:`]],
    ['envoy', 'XFCC', ['x-forwarded-client-cert', xfcc]],
    [
      'envoy',
      'XFCC of two hops, the last being its own',
      ['x-forwarded-client-cert', `Hash=00;Subject="CN=evil",${xfcc}`],
    ],
  ])('of %s is read: %s', async (gateway, _format, headers) => {
    const answer = await ask(callOf(gateway), headers);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      client_id: 'O=Acme, CN=client-1',
    });
  });

  it.each<[string, string, string[], string]>([
    ['nginx', 'without SUCCESS', nginx, 'malformed_certificate'],
    ['nginx', 'with NONE', [...nginx, 'X-SSL-Client-Verify', 'NONE'], 'malformed_certificate'],
    [
      'nginx',
      'that failed',
      [...nginx, 'X-SSL-Client-Verify', 'FAILED:unable to get issuer'],
      'malformed_certificate',
    ],
    [
      'nginx',
      'with success in small letters',
      [...nginx, 'X-SSL-Client-Verify', 'success'],
      'malformed_certificate',
    ],
    [
      'nginx',
      'with SUCCESS twice',
      [...nginx, ...['X-SSL-Client-Verify', 'SUCCESS', 'x-ssl-client-verify', 'SUCCESS']],
      'duplicate_header',
    ],
    [
      'nginx',
      'in ingress-nginx’s header',
      [...ingress, 'ssl-client-verify', 'SUCCESS'],
      'no_credential',
    ],
    [
      'ingress-nginx',
      'in nginx’s header',
      [...nginx, 'X-SSL-Client-Verify', 'SUCCESS'],
      'no_credential',
    ],
    [
      'nginx',
      'in base64',
      ['X-SSL-Client-Cert', base64, 'X-SSL-Client-Verify', 'SUCCESS'],
      'malformed_certificate',
    ],
    ['edge', 'though switched off', [...nginx, 'X-SSL-Client-Verify', 'SUCCESS'], 'no_credential'],
    [
      'traefik',
      'only as the subject’s text',
      ['X-Forwarded-Tls-Client-Cert-Info', 'Subject%3D%22CN%3Dadmin%22'],
      'no_credential',
    ],
    [
      'traefik',
      'as RFC 9440',
      ['X-Forwarded-Tls-Client-Cert', `:${base64}:`],
      'malformed_certificate',
    ],
    ['traefik', 'in another gateway’s header', ['Client-Cert', `:${base64}:`], 'no_credential'],
    ['caddy', 'as base64 only', ['Client-Cert', base64], 'malformed_certificate'],
    [
      'caddy',
      'as an unset placeholder',
      ['Client-Cert', '{http.request.tls.client.certificate_der_base64}'],
      'no_credential',
    ],
    [
      'caddy',
      'as an unset placeholder between colons',
      ['Client-Cert', ':{http.request.tls.client.certificate_der_base64}:'],
      'malformed_certificate',
    ],
    ['caddy', 'empty', ['Client-Cert', ''], 'no_credential'],
    [
      'caddy',
      'twice',
      ['Client-Cert', `:${base64}:`, 'client-cert', `:${base64}:`],
      'duplicate_header',
    ],
    ['caddy', 'under an alias', ['Client_Cert', `:${base64}:`], 'aliased_header'],
    [
      'envoy',
      'whose own hop has none',
      ['x-forwarded-client-cert', `${xfcc},Hash=00`],
      'malformed_certificate',
    ],
    [
      'envoy',
      'only as the subject’s text',
      ['x-forwarded-client-cert', 'Subject="CN=admin"'],
      'malformed_certificate',
    ],
    ['envoy', 'as RFC 9440', ['Client-Cert', `:${base64}:`], 'no_credential'],
  ])('of %s is not taken %s', async (gateway, _how, headers, why) => {
    const answer = await ask(callOf(gateway), headers);
    expect([answer.status, reason()]).toEqual([401, why]);
  });
});

describe('a gateway’s own headers', () => {
  const forged = [
    ...[
      'X-Forwarded-Method',
      'GET',
      'X-Forwarded-Proto',
      'http',
      'X-Forwarded-Host',
      'evil.example',
    ],
    ...['X-Forwarded-Uri', '/public', 'Forwarded', 'host=evil.example', 'X-Rewrite-Url', '/public'],
  ];
  const foreign = ['X-Original-Method', 'GET', 'X-Original-URL', 'http://evil.example/public'];
  const url = 'https://api.example.com/real/path';

  it.each([
    ['nginx', forged],
    ['ingress-nginx', forged],
    ['traefik', foreign],
    ['caddy', foreign],
    ['envoy', [...forged.slice(0, 2), ...forged.slice(4), ...foreign]],
  ])('are all that %s is asked about', async (gateway, headers) => {
    const answer = await ask(callOf(gateway, url, 'DELETE'), [...headers, ...bearer]);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      scheme: 'https',
      asked: ['DELETE', 'api.example.com', '/real/path', ''],
    });
  });

  const needed = httpProfiles.flatMap((gateway) => {
    const { headers } = callOf(gateway);
    const own = headers.filter((text, at) => at % 2 === 0 && /^(x-[fo]|host)/i.test(text));
    return own.map((header) => [gateway, header] as const);
  });

  it.each(needed)('of %s may not come twice or as an alias: %s', async (gateway, header) => {
    const call = callOf(gateway);
    const twice = await ask(call, [...bearer, header.toUpperCase(), 'x']);
    expect([twice.status, reason()]).toEqual([401, 'duplicate_header']);
    if (!header.includes('-')) return;
    const alias = await ask(call, [...bearer, header.replace('-', '_'), 'x']);
    expect([alias.status, reason()]).toEqual([401, 'aliased_header']);
  });

  it.each(needed.filter(([gateway]) => gateway !== 'envoy'))(
    'of %s may not be missing or empty: %s',
    async (gateway, header) => {
      const call = callOf(gateway);
      const at = call.headers.indexOf(header);
      for (const rest of [[], [header, '']]) {
        const headers = [...call.headers.slice(0, at), ...rest, ...call.headers.slice(at + 2)];
        const answer = await ask({ ...call, headers });
        expect([answer.status, reason()]).toEqual([403, 'malformed_request']);
      }
    },
  );

  it.each([
    ['wss', 'https'],
    ['ws', 'http'],
    ['HTTPS', 'https'],
  ])('may say %s for %s: a WebSocket opens with an HTTP request', async (proto, scheme) => {
    const call = callOf('traefik', `${proto}://api.example.com/socket`);
    const answer = await ask(call, [...bearer, 'Connection', 'Upgrade', 'Upgrade', 'websocket']);
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({ scheme });
  });

  it.each(['ftp', 'https,http', 'javascript', 'https '])('may not say %j', async (proto) => {
    const call = callOf('traefik');
    const headers = replaced(call.headers, 'X-Forwarded-Proto', proto);
    const answer = await ask({ ...call, headers });
    expect(answer.status).toBe(proto === 'https ' ? 200 : 403);
  });

  it.each([
    ['an absolute URI of the same host', 'http://api.example.com:443/abs?x=1', 200],
    ['one in another case', 'HTTP://API.example.com./abs?x=1', 200],
    ['one of another host', 'http://other.example/abs?x=1', 403],
    ['one without a host', 'http:///abs?x=1', 403],
    ['the asterisk', '*', 403],
    ['a host and port, as CONNECT has', 'api.example.com:443', 403],
    ['no slash', 'abs', 403],
  ])('may give as URI: %s', async (_what, uri, status) => {
    const call = callOf('apache', 'https://api.example.com/x');
    const headers = replaced(call.headers, 'X-Forwarded-Uri', uri);
    const answer = await ask({ ...call, headers });
    expect(answer.status).toBe(status);
    if (status === 200) {
      expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
        asked: ['GET', 'api.example.com', '/abs', 'x=1'],
      });
    }
  });

  it('may give any method, but not what is none', async () => {
    for (const [method, status] of [
      ['get', 200],
      ['*', 200],
      ['X!#$', 200],
      ['', 403],
      ['GET, POST', 403],
      ['G\xcaT', 403],
      ['M'.repeat(41), 403],
    ] as const) {
      expect((await ask(callOf('caddy', undefined, method))).status).toBe(status);
    }
  });

  it('may lack the scheme only for envoy, and then no audience is made of it', async () => {
    const { path, headers } = callOf('envoy');
    const answer = await ask({ path, method: 'GET', headers: headers.slice(0, 4) });
    expect(claimsOf(answer.headers['x-custom-jwt'])).not.toHaveProperty('scheme');
    const own = await startService(
      'issuer: https://c.example\ngateways: { envoy: {} }\ncredentials: [{ api_key: { trust: gateway } }]\ntoken: { upstream_hosts: any }',
    );
    const host = ['Host', 'api.example.com', 'apikey', 'k'];
    expect((await own.ask('/auth/envoy/x', host)).status).toBe(403);
    expect((await own.ask('/auth/envoy/x', [...host, 'X-Forwarded-Proto', 'https'])).status).toBe(
      200,
    );
    await own.close();
  });
});

describe('the path of a call', () => {
  it.each([
    ['caddy appends the client’s query', 'caddy', '/auth/caddy?q=%20z&q=2'],
    ['haproxy may add a slash', 'haproxy', '/auth/haproxy/'],
    ['anything may follow a slash', 'traefik', '/auth/traefik/../envoy'],
  ])('means nothing but the gateway: %s', async (_what, gateway, path) => {
    const answer = await ask({ ...callOf(gateway), path });
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      asked: ['GET', 'api.example.com', '/orders', 'id=1'],
    });
  });

  it.each([
    ['/auth/envoy/../healthz', '/../healthz', ''],
    ['/auth/envoy?q=1', '/', 'q=1'],
    ['/auth/envoy', '/', ''],
    ['/auth/envoy//x', '//x', ''],
    ['/auth/envoy/auth/nginx', '/auth/nginx', ''],
  ])('is the request itself for envoy: %s', async (path, read, query) => {
    const answer = await ask({ ...callOf('envoy'), path });
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      asked: ['GET', 'api.example.com', read, query],
    });
  });
});
