import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeCheckRequest } from '../../src/gateways/grpc/decode-check-request.ts';
import {
  type CheckResponse,
  checkRequest,
  checkResponse,
  type HeaderValue,
  type HeaderValueOption,
} from '../../src/gateways/grpc/messages.ts';
import { issueCertificate, name, pemOf } from '../support/certificates.ts';
import { claimsOf, startService, type TestService, unsignedJwt } from '../support/service.ts';

/** What Envoy's gRPC ext_authz sends, as recorded, and what it may be answered. */

let service: TestService;
beforeAll(async () => {
  service = await startService(
    `
issuer: https://countersign.example.com
listen: { grpc: 127.0.0.1:9001 }
gateways: { envoy_grpc: { client_certificate: true } }
credentials:
  - bearer: { trust: gateway, client_id: azp }
  - basic: { trust: gateway }
  - client_certificate: { trust: gateway }
  - api_key: { trust: gateway }
token:
  audience: upstream
  upstream_hosts: any
  downstream_header: X-Custom-Jwt-Out
  strip: [authorization, apikey]
  headers: { X-Client-Id: client_id }
  claims:
    asked: '[request.method, request.scheme, request.host, request.path, request.query]'
    tenant: request.headers["x-tenant"]
routes: [{ match: { hosts: [forbidden.example.com] }, require: 'false' }]
default_route: {}
`,
  );
});
afterAll(() => service.close());

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
  readonly headers?: readonly (readonly [string, string])[];
  /** As with `encode_raw_headers`: every line by itself. */
  readonly raw?: readonly (readonly [string, string])[];
  readonly certificate?: string;
  readonly stated?: string;
}

function headerValues(lines: Asked['headers'], member: 'value' | 'rawValue'): HeaderValue[] {
  const none = { value: Buffer.alloc(0), rawValue: Buffer.alloc(0) };
  return (lines ?? []).map(([key, text]) => ({
    ...none,
    key,
    [member]: Buffer.from(text, 'latin1'),
  }));
}

async function ask({
  method = 'GET',
  path = '/orders?id=1',
  host = 'api.example.com',
  scheme = 'https',
  headers,
  raw,
  certificate = '',
  stated,
}: Asked): Promise<CheckResponse> {
  const pseudo = [
    [':method', method],
    [':path', path],
    [':authority', host],
    [':scheme', scheme],
  ] as const;
  const bytes = checkRequest.encode({
    attributes: {
      source: { certificate },
      request: {
        http: {
          method,
          path: Buffer.from(path, 'latin1'),
          host,
          scheme,
          headers: raw ? [] : headerValues([...pseudo, ...(headers ?? [])], 'value'),
          ...(raw && { headerMap: { headers: headerValues([...pseudo, ...raw], 'rawValue') } }),
        },
      },
    },
  });
  const answer = await service.check?.({
    request: decodeCheckRequest(bytes),
    peer: {},
    secret: undefined,
    statedCredential: stated,
  });
  return checkResponse.decode(answer ?? Buffer.alloc(0));
}

const exp = Math.floor(Date.now() / 1000) + 600;
const bearer = ['authorization', `Bearer ${unsignedJwt({ azp: 'web', exp })}`] as const;
const alice = ['authorization', `Basic ${btoa('alice:x')}`] as const;

const textOf = (options: readonly HeaderValueOption[] | undefined) =>
  (options ?? []).map(({ header }) => [header.key, Buffer.from(header.value).toString('latin1')]);
const tokenOf = (answer: CheckResponse) =>
  claimsOf(Object.fromEntries(textOf(answer.okResponse?.headers))['x-custom-jwt']);
const reasonOf = () => {
  const last = service.decisions.at(-1);
  return last?.allowed === false ? last.reason : undefined;
};

describe('an allowed request', () => {
  it('gets each header that was promised, overwritten, and an explicit status', async () => {
    const answer = await ask({ headers: [bearer] });
    expect(answer.status.code).toBe(0);
    expect(answer.deniedResponse ?? undefined).toBeUndefined();
    const { headers = [], responseHeadersToAdd = [] } = answer.okResponse ?? {};
    expect(textOf(headers).map(([key]) => key)).toEqual(['x-custom-jwt', 'x-client-id']);
    expect(textOf(responseHeadersToAdd)).toEqual([['x-custom-jwt-out', textOf(headers)[0]?.[1]]]);
    for (const { append } of [...headers, ...responseHeadersToAdd]) {
      expect(append).toEqual({ value: false });
    }
  });

  it('loses its credentials and every alias, but nothing that was set', async () => {
    const { okResponse } = await ask({ headers: [bearer] });
    expect(okResponse?.headersToRemove).toEqual([
      ...['authorization', 'apikey', 'x_custom_jwt', 'x.custom.jwt', 'x_client_id', 'x.client.id'],
      ...['x_custom_jwt_out', 'x.custom.jwt.out'],
    ]);
  });

  it('is read from the fields of the call, not from headers that a client can forge', async () => {
    const answer = await ask({
      method: 'DELETE',
      path: '/p/a%2Fb/../c?q=%20z&q=2',
      headers: [
        alice,
        ['x-forwarded-host', 'evil.example'],
        ['x-forwarded-uri', '/admin'],
        ['x-original-url', 'https://evil.example/admin'],
        ['method', 'PATCH'],
        ['authority', 'evil.example'],
      ],
    });
    expect(tokenOf(answer)).toMatchObject({
      client_id: 'alice',
      aud: 'https://api.example.com',
      asked: ['DELETE', 'https', 'api.example.com', '/p/a%2Fb/../c', 'q=%20z&q=2'],
    });
  });

  it('is written once for each token', async () => {
    const request = decodeCheckRequest(
      checkRequest.encode({
        attributes: {
          request: {
            http: {
              ...{ method: 'GET', path: Buffer.from('/'), host: 'a.example', scheme: 'https' },
              headers: headerValues([bearer], 'value'),
            },
          },
        },
      }),
    );
    const call = { request, peer: {}, secret: undefined, statedCredential: undefined };
    const first = await service.check?.(call);
    expect(service.check?.(call)).toBe(first);
  });
});

describe('headers', () => {
  it('of Latin-1 bytes arrive as over HTTP, raw or not', async () => {
    for (const way of ['headers', 'raw'] as const) {
      const answer = await ask({ [way]: [alice, ['x-tenant', 'Zo\xeb']] });
      expect(tokenOf(answer)['tenant']).toBe('Zo\xeb');
    }
  });

  it.each<[string, Asked, string]>([
    [
      'two credentials, joined',
      { headers: [['authorization', `${alice[1]},x`]] },
      'duplicate_header',
    ],
    [
      'a comma in what an expression reads',
      { headers: [alice, ['x-tenant', 'a,b']] },
      'duplicate_header',
    ],
    ['two lines', { raw: [alice, alice] }, 'duplicate_header'],
    [
      'an alias of the token header',
      { headers: [alice, ['x_custom_jwt', 'evil']] },
      'aliased_header',
    ],
    ['an alias of a credential', { raw: [alice, ['x_tenant', 'evil']] }, 'aliased_header'],
    [
      'a nomination',
      { headers: [alice, ['connection', 'close, authorization']] },
      'nominated_header',
    ],
    ['no credential', { headers: [] }, 'no_credential'],
    ['two trusted credentials', { headers: [alice, ['apikey', 'k']] }, 'ambiguous_credential'],
  ])('are refused with 401: %s', async (_what, asked, reason) => {
    const answer = await ask(asked);
    expect([reasonOf(), answer.deniedResponse?.status.code]).toEqual([reason, 401]);
  });

  it('may hold commas where they decide nothing, and in raw lines', async () => {
    const odd = [alice, ['accept', 'a, b'], ['x-custom-jwt', 'evil,evil']] as const;
    expect((await ask({ headers: odd })).status.code).toBe(0);
    const answer = await ask({ raw: [alice, ['x-tenant', 'a, b']] });
    expect(tokenOf(answer)['tenant']).toBe('a, b');
  });

  it('more than a hundred are refused with 403', async () => {
    const many = Array.from({ length: 100 }, (_, n) => [`x-${n}`, 'v'] as const);
    expect((await ask({ headers: [alice, ...many] })).deniedResponse?.status.code).toBe(403);
    expect(reasonOf()).toBe('too_many_headers');
  });
});

describe('a denied request', () => {
  it('gets a challenge for each scheme, a line each, and the body', async () => {
    const answer = await ask({});
    expect(answer.status.code).toBe(16);
    expect(answer.okResponse ?? undefined).toBeUndefined();
    const { status, headers = [], body = '' } = answer.deniedResponse ?? {};
    expect(status?.code).toBe(401);
    const challenges = headers.filter(({ header }) => header.key === 'www-authenticate');
    expect(textOf(challenges).map(([, value]) => value?.split(' ')[0])).toEqual([
      ...['Bearer', 'Basic', 'ClientCertificate', 'ApiKey'],
    ]);
    expect(challenges.every(({ append }) => !append)).toBe(true);
    expect(textOf(headers)).toContainEqual(['content-type', 'application/problem+json']);
    expect(textOf(headers).map(([key]) => key)).not.toContain('content-length');
    expect(JSON.parse(body)).toMatchObject({ status: 401 });
  });

  it('is 403 where the credential is not the reason', async () => {
    const answer = await ask({ host: 'forbidden.example.com', headers: [alice] });
    expect([answer.status.code, answer.deniedResponse?.status.code]).toEqual([7, 403]);
  });

  it.each<[string, Asked]>([
    ['without a method', { method: '' }],
    ['without a host', { host: '' }],
    ['with a host that hides a path', { host: 'api.example.com?' }],
    ['without a scheme', { scheme: '' }],
    ['without a path', { path: '' }],
    ['with a path that is none', { path: '*' }],
  ])('is one %s', async (_what, asked) => {
    const answer = await ask({ ...asked, headers: [alice] });
    expect([reasonOf(), answer.deniedResponse?.status.code]).toEqual(['malformed_request', 403]);
  });

  it.each([[{}], [{ attributes: {} }], [{ attributes: { request: {} } }]])(
    'is one without a request: %j',
    async (message) => {
      const request = decodeCheckRequest(checkRequest.encode(message));
      const bytes = await service.check?.({
        ...{ request, peer: {}, secret: undefined, statedCredential: undefined },
      });
      const answer = checkResponse.decode(bytes ?? Buffer.alloc(0));
      expect([answer.status.code, answer.deniedResponse?.status.code]).toEqual([7, 403]);
    },
  );
});

describe('a client certificate', () => {
  const { der } = issueCertificate({ subject: name({ O: 'Acme', CN: 'client-1' }) });
  const certificate = encodeURIComponent(pemOf(der));

  it('is taken from the call', async () => {
    expect(tokenOf(await ask({ certificate }))['client_id']).toBe('O=Acme, CN=client-1');
  });

  it.each([
    [':certificate', certificate],
    ['certificate', certificate],
    ['x-forwarded-client-cert', `Cert="${certificate}"`],
    ['client-cert', `:${der.toString('base64')}:`],
  ])('is not taken from the header %s', async (header, value) => {
    const answer = await ask({ headers: [[header, value]] });
    expect(answer.deniedResponse?.status.code).toBe(401);
    expect(reasonOf()).toBe('no_credential');
  });

  it('that is malformed is refused', async () => {
    await ask({ certificate: 'x' });
    expect(reasonOf()).toBe('malformed_certificate');
  });
});

describe('which credential was verified', () => {
  const two = [alice, ['apikey', 'k']] as const;

  it('is said in the metadata of the call', async () => {
    const answer = await ask({ headers: two, stated: 'api_key' });
    expect(tokenOf(answer)['client_id']).toMatch(/^apikey-/);
  });

  it('is not said by a client', async () => {
    await ask({ headers: [...two, ['x-countersign-credential', 'api_key']] });
    expect(reasonOf()).toBe('ambiguous_credential');
  });
});
