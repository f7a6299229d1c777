import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { describeExplanation } from '../../../src/commands/describe-explanation.ts';
import { loadConfiguration } from '../../../src/config/load.ts';
import { gatewayProfiles } from '../../../src/config/schema/gateways.ts';
import { writeJson } from '../../../src/exchange/strict-json.ts';
import { explain } from '../../../src/explain/explain.ts';
import type { ClientRequest } from '../../../src/gateways/present.ts';
import { issueCertificate, name } from '../../support/certificates.ts';
import { clientRequest } from '../../support/client-request.ts';
import { startIdentityProvider } from '../../support/identity-provider.ts';
import { basic, endAll, freshDirectory, writeFiles } from '../../support/process.ts';
import { unsignedJwt } from '../../support/service.ts';

afterAll(endAll);

const directory = freshDirectory();
const now = Date.now();
const exp = Math.floor(now / 1000) + 600;
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const users = 'bob:$2b$04$FmoWHJDDcEonZBXGnGNIYuaPtv.9xh44C63bHa1w2.ta.6N0dEIjK';

const general = `issuer: https://countersign.example.com
keys: { algorithm: ES256 }
listen: { grpc: 127.0.0.1:9001 }
gateways:
${gatewayProfiles.map((each) => `  ${each}: { client_certificate: true }`).join('\n')}
token:
  audience: backend
  claims: { asked: '[request.method, request.scheme, request.host, request.path, request.query]' }
  headers: { X-Client-Id: client_id }
routes:
  - { name: closed, match: { paths: [/closed/**] }, require: 'false' }
  - { name: open, match: { paths: [/open/**] }, anonymous: { client_id: nobody } }
`;
const trusting = `${general}
default_route: {}
credentials:
  - bearer: { trust: gateway, client_id: azp }
  - basic: { trust: gateway }
  - client_certificate: { trust: gateway }
  - api_key: { trust: gateway }
`;

function explained(text: string, gateway: string, request: Partial<ClientRequest> = {}) {
  const loaded = loadConfiguration({ text, file: join(directory, 'countersign.yaml'), env: {} });
  return explain({ loaded, gateway, request: clientRequest(request), now: Date.now });
}

const bearer = ['Authorization', `Bearer ${unsignedJwt({ azp: 'web', exp, plan: 'gold' })}`];
const consumer = ['X-Consumer-ID', 'c-1'];
const { der } = issueCertificate({ subject: name({ O: 'Acme', CN: 'client-1' }) });

describe.each(gatewayProfiles)('a request through %s', (profile) => {
  it('that is allowed is told from the call to the answer', async () => {
    const told = await explained(trusting, profile, { method: 'POST', headers: bearer, consumer });
    expect(told).toMatchObject({
      gateway: { name: profile, profile },
      request: {
        ...{ method: 'POST', scheme: 'https', host: 'api.example.com' },
        ...{ path: '/orders', query: 'id=1' },
      },
      caller: { client_id: 'web', credential: { type: 'bearer', header: { alg: 'RS256' } } },
      credentials: [
        { kind: 'bearer', trusted: true, present: true, decides: true },
        { kind: 'basic', trusted: true, present: false, decides: false },
        { kind: 'client_certificate', trusted: true, present: false, decides: false },
        { kind: 'api_key', trusted: true, present: false, decides: false },
      ],
      routes: [
        { name: 'closed', chosen: false, lost: 'does not match the path' },
        { name: 'open', chosen: false, lost: 'does not match the path' },
        { name: 'default_route', chosen: true, lost: null },
      ],
      claims: {
        before: { azp: 'web', exp, plan: 'gold' },
        before_verified: false,
        after: {
          ...{ azp: 'web', exp, plan: 'gold', client_id: 'web', aud: 'backend' },
          asked: ['POST', 'https', 'api.example.com', '/orders', 'id=1'],
        },
      },
      token_header: { alg: 'ES256', typ: 'JWT' },
      decision: { allowed: true, client_id: 'web', credential: 'bearer', route: 'default_route' },
      answer: { status: 200, body: '' },
    });
    expect(told.answer.headers.map(([header, value]) => [header.toLowerCase(), value])).toEqual(
      expect.arrayContaining([
        ['x-custom-jwt', '[redacted]'],
        ['x-client-id', 'web'],
      ]),
    );
    expect(told.call.headers.flat().join(' ')).toContain('api.example.com');
  });

  it('with a certificate names the subject', async () => {
    const told = await explained(trusting, profile, { certificate: [der], consumer });
    expect(told.decision).toMatchObject({
      client_id: expect.stringMatching(/CN=client-1/),
      credential: 'client_certificate',
    });
  });

  it.each<[string, string, Partial<ClientRequest>, number]>([
    ['no_credential', 'before the claims', {}, 401],
    ['no_credential', 'for an alias', { headers: ['X', '1'] }, 401],
    ['unknown_scheme', 'first', { headers: ['Authorization', 'Digest x'] }, 401],
    ['invalid_token', 'by its credential', { headers: ['Authorization', 'Bearer x.y.z'] }, 401],
    ['aliased_header', 'unread', { headers: [...bearer, 'X_Custom_Jwt', 'x'] }, 401],
    ['duplicate_header', 'unread', { headers: [...bearer, ...bearer] }, 401],
    ['ambiguous_credential', 'for two', { headers: [...bearer, 'apikey', 'x'] }, 401],
    ['requirement', 'by its route', { headers: bearer, target: '/closed/x' }, 403],
    ['ambiguous_path', 'before any route', { headers: bearer, target: '/open/../closed' }, 403],
    ['malformed_request', 'unread', { headers: bearer, host: 'api example com' }, 403],
    ['too_many_headers', 'unread', { headers: Array(202).fill('x') }, 403],
  ])('that is refused says %s, %s', async (reason, _when, request, status) => {
    const told = await explained(trusting, profile, { consumer, ...request });
    expect(told).toMatchObject({
      decision: { allowed: false, reason },
      answer: { status, body: expect.stringMatching(/"status":40[13]/) },
      claims: { after: null },
      token_header: null,
    });
    const { headers } = told.answer;
    const challenged = headers.some(([header]) => header.toLowerCase() === 'www-authenticate');
    expect(challenged).toBe(status === 401);
  });

  it('that needs no credential has an anonymous caller', async () => {
    const told = await explained(trusting, profile, { target: '/open/x' });
    expect(told).toMatchObject({
      credentials: Array(4).fill({ present: false, decides: false }),
      routes: [
        { name: 'closed', lost: 'does not match the path' },
        { name: 'open', chosen: true },
        { name: 'default_route', lost: 'is for what no other route matches' },
      ],
      caller: null,
      claims: { before: null, after: { client_id: 'nobody' } },
      decision: { allowed: true, client_id: 'nobody', credential: 'anonymous', route: 'open' },
    });
  });
});

describe('an explanation', () => {
  let idp: Awaited<ReturnType<typeof startIdentityProvider>> | undefined;
  afterEach(() => idp?.close());

  it('shows the claims of a token that was refused, as not verified', async () => {
    const old = unsignedJwt({ azp: 'web', exp: 1 });
    const told = await explained(trusting, 'nginx', {
      headers: ['Authorization', `Bearer ${old}`],
    });
    expect(told).toMatchObject({
      decision: { reason: 'token_expired' },
      caller: null,
      claims: { before: { azp: 'web', exp: 1 }, before_verified: false },
    });
    expect(describeExplanation(told, now)).toContain(
      'Claims before (not verified)\n  azp: "web"\n',
    );
  });

  it('shows the claims that were signed also where the answer is refused', async () => {
    const small = trusting.replace('  audience', '  max_header_bytes: 512\n  audience');
    const told = await explained(small, 'nginx', {
      headers: bearer,
      target: `/${'x'.repeat(300)}`,
    });
    expect(told).toMatchObject({
      decision: { reason: 'token_too_large', detail: expect.stringMatching(/^largest claims: /) },
      claims: { after: { client_id: 'web' } },
    });
  });

  it('says that no route matches, and why each does not', async () => {
    const text = trusting.replace('default_route: {}', '');
    const told = await explained(text, 'nginx', { headers: bearer });
    expect(told).toMatchObject({
      decision: { reason: 'no_route' },
      routes: [
        { name: 'closed', chosen: false, lost: 'does not match the path' },
        { name: 'open', chosen: false, lost: 'does not match the path' },
      ],
    });
  });

  it('has what Kong states, and needs a consumer there', async () => {
    const text = trusting.replace('audience: backend', 'upstream_hosts: any');
    const known = { consumer, upstreamUrl: 'http://orders:80/x' };
    const told = await explained(text, 'kong', { headers: bearer, ...known });
    expect(told.claims.after).toMatchObject({ aud: 'http://orders/x', act: { client_id: 'c-1' } });
    const without = await explained(text, 'kong', { headers: bearer, upstreamUrl: 'http://o' });
    expect(without.decision).toMatchObject({ reason: 'no_consumer' });
  });

  it('lets the gateway say which of two credentials it verified', async () => {
    const headers = [...bearer, 'apikey', 'some-api-key'];
    for (const gateway of ['nginx', 'envoy_grpc']) {
      const told = await explained(trusting, gateway, { headers, verified: 'api_key' });
      expect(told).toMatchObject({
        decision: { allowed: true, credential: 'api_key' },
        credentials: [{ present: true, decides: false }, {}, {}, { present: true, decides: true }],
      });
    }
  });

  it('is of the gateway, whatever proves one', async () => {
    writeFiles(directory, { secret: 'a-secret-of-the-gateway' });
    const callers = '{ networks: [10.1.0.0/16], secret_file: secret }';
    for (const gateway of ['nginx', 'envoy_grpc']) {
      const told = await explained(`${trusting}callers: ${callers}\n`, gateway, {
        headers: [...bearer, 'X-Countersign-Secret', 'forged'],
      });
      expect(told.decision).toMatchObject({ allowed: true });
      expect(told.notes).toContain(
        'note: callers.networks is not checked: the gateway is believed',
      );
      expect(writeJson(told)).not.toContain('a-secret-of-the-gateway');
    }
  });

  it('says when a certificate is not read, because that is off', async () => {
    const off = trusting.replace('nginx: { client_certificate: true }', 'nginx: {}');
    const told = await explained(off, 'nginx', { certificate: [der] });
    expect(told.decision).toMatchObject({ reason: 'no_credential' });
    expect(told.notes.join()).toMatch(/client_certificate is off for nginx/);
  });

  it('is given of every method, of WebSockets and of numbers that are long', async () => {
    const part = (json: string) => Buffer.from(json).toString('base64url');
    const long = `{"azp":"web","exp":${exp},"n":12345678901234567890}`;
    const token = `${part('{"alg":"RS256","n":12345678901234567890}')}.${part(long)}.c2ln`;
    const headers = ['Authorization', `Bearer ${token}`, 'Connection', 'Upgrade'];
    for (const gateway of ['nginx', 'envoy']) {
      for (const method of ['HEAD', 'OPTIONS', 'TRACE', 'M-SEARCH', 'PATCH']) {
        const request = { method, headers: [...headers, 'Upgrade', 'websocket'] };
        const told = await explained(trusting, gateway, request);
        expect(told.decision).toMatchObject({ allowed: true });
        expect(told.claims.after).toMatchObject({ n: 12345678901234567890n });
        expect(describeExplanation(told, now)).toContain('"n":12345678901234567890}');
        expect(writeJson(told)).toContain('"n":12345678901234567890');
      }
    }
  });

  it('is given of a call that cannot even be read', async () => {
    const headers = ['apikey', 'k'.repeat(70_000)];
    const told = await explained(trusting, 'nginx', { headers });
    expect(told).toMatchObject({ decision: null, answer: { status: 431 }, request: null });
    expect(describeExplanation(told, now)).toMatch(/refused: the call could not be read as HTTP/);
  });

  it('makes no key, and says that one would be made', async () => {
    const told = await explained(trusting, 'nginx', { headers: bearer });
    expect(told.notes).toEqual([
      `note: ${join(directory, 'data/keys')} will be made at first start, with a key`,
    ]);
    expect(existsSync(join(directory, 'data'))).toBe(false);
  });

  it('asks identity providers as serving would, and says that it verified', async () => {
    idp = await startIdentityProvider({ id: 'countersign', secret: 'canary-idp-secret' });
    const { issuer, introspectionEndpoint: endpoint } = idp;
    const introspection = `{ endpoint: '${endpoint}', client_id: countersign, client_secret: canary-idp-secret }`;
    const text = `${general}default_route: {}
credentials:
  - bearer: { client_id: azp, verify: { issuer: '${issuer}', audiences: any, algorithms: [ES256] } }
  - bearer: { client_id: azp, verify: { introspection: ${introspection}, audiences: any } }
`;
    idp.activate('canary-opaque', { azp: 'opaque', exp });
    const tokens = { web: await idp.issue({ azp: 'web' }), opaque: 'canary-opaque' };
    for (const [azp, token] of Object.entries(tokens)) {
      const told = await explained(text, 'nginx', {
        headers: ['Authorization', `Bearer ${token}`],
      });
      expect(told).toMatchObject({
        decision: { allowed: true, client_id: azp },
        claims: { before: { azp }, before_verified: true },
      });
      expect(writeJson(told)).not.toMatch(/canary|eyJ/);
    }
  });

  it('warns of an identity provider that is down, and answers as serving would', async () => {
    const issuer = 'http://127.0.0.1:1';
    const text = `${general}default_route: {}
credentials: [{ bearer: { verify: { issuer: '${issuer}', audiences: any } } }]
`;
    const token = unsignedJwt({ iss: issuer, exp }, { alg: 'RS256', kid: 'k' });
    const headers = ['Authorization', `Bearer ${token}`];
    const told = await explained(text, 'traefik', { headers });
    expect(told).toMatchObject({
      decision: { allowed: false, reason: 'issuer_unavailable' },
      answer: { status: 503 },
      claims: { before: { iss: issuer }, before_verified: false },
    });
    expect(told.notes.join()).toMatch(/warning: the keys of an issuer cannot be fetched/);
  });
});

describe('no explanation shows', () => {
  writeFiles(directory, {
    'keys.yaml': `- { owner: shop, sha256: ${sha256('canary-api-key')}, claims: { plan: gold } }\n`,
    users,
  });
  const telling = (credentials: string) => `${general
    .replace(
      'headers: {',
      `headers: { X-All: 'request.headers["authorization"]', X-Key: 'request.headers["apikey"]', `,
    )
    .replace(
      'claims: {',
      `claims: { all: 'request.headers', of: credential, query: request.query, `,
    )
    .replace('token:', 'errors: { verbose: true }\ntoken:\n  max_header_bytes: 16000')}
default_route: {}
credentials: ${credentials}
`;
  const believing = telling(
    '[{ bearer: { trust: gateway, client_id: azp } }, { basic: { trust: gateway } }, { api_key: { trust: gateway } }]',
  );
  const checking = telling(
    '[{ basic: { verify: { htpasswd_file: users } } }, { api_key: { verify: { keys_file: keys.yaml } } }]',
  );
  const jwt = unsignedJwt({ azp: 'web', exp });
  const more = [
    ...['Cookie', 'session=canary-cookie', 'Proxy-Authorization', 'Basic canary-proxy'],
    ...['X-Api-Token', 'canary-token', 'X-Other', 'x'],
  ];

  it.each<[string, string, string[]]>([
    ['a believed token', believing, ['Authorization', `Bearer ${jwt}`, 'apikey', 'none-at-all']],
    ['a believed password', believing, ['Authorization', basic('alice', 'canary-pass')]],
    ['a believed key', believing, ['Authorization', '', 'apikey', 'canary-api-key']],
    ['a checked key', checking, ['apikey', 'canary-api-key']],
    ['a wrong password', checking, ['Authorization', basic('bob', 'canary-pass')]],
    ['a malformed password', checking, ['Authorization', 'Basic canary-pass']],
    ['an odd scheme', checking, ['Authorization', 'Canary canary-pass']],
    ['a wrong key', checking, ['apikey', 'canary-wrong']],
  ])('%s', async (_what, text, headers) => {
    const hidden = [jwt, jwt.split('.')[2], basic('alice', 'canary-pass').slice(6), 'canary'];
    for (const gateway of gatewayProfiles) {
      for (const lines of [headers, [...headers, ...more]]) {
        const told = await explained(text, gateway, {
          ...{ headers: lines, consumer, target: '/orders?access_token=canary-query&x=1' },
        });
        for (const shown of [writeJson(told), describeExplanation(told, now)]) {
          for (const secret of hidden)
            expect(shown.toLowerCase()).not.toContain(secret?.toLowerCase());
        }
      }
    }
  });

  it('the token, in whichever header it goes out', async () => {
    for (const header of ['Authorization', 'X-Custom-Jwt']) {
      const text = trusting.replace(
        '  audience',
        `  header: ${header}\n  downstream_header: X-Out\n  audience`,
      );
      for (const gateway of ['nginx', 'envoy_grpc']) {
        const told = await explained(text, gateway, { headers: bearer });
        expect(told.decision).toMatchObject({ allowed: true });
        const values = told.answer.headers.map(([, value]) => value);
        expect(values).toContain(header === 'Authorization' ? 'Bearer [redacted]' : '[redacted]');
        expect(writeJson(told)).not.toMatch(/eyJ/);
      }
    }
  });
});
