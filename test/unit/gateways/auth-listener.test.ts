import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  claimsOf,
  forwardedHeaders,
  nginxHeaders,
  startService,
  type TestService,
  unsignedJwt,
} from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
gateways: { nginx: {}, traefik: {}, caddy: { profile: caddy, client_certificate: true }, envoy: {} }
credentials:
  - bearer: { trust: gateway, client_id: azp }
  - basic: { trust: gateway }
  - api_key: { trust: gateway, header: X-Api-Key }
token:
  upstream_hosts: any
  claims: { tenant: 'request.headers["x-tenant"]' }
  headers: { X-Client-Id: client_id }
  downstream_header: X-Jwt-Out
`);
});
afterAll(() => service.close());

const soon = () => Math.floor(Date.now() / 1000) + 600;
const bearer = (claims: object) => ['Authorization', `Bearer ${unsignedJwt(claims)}`];
const key = ['X-Api-Key', 'k-1'];
const reason = () => {
  const decision = service.decisions.at(-1);
  return decision?.allowed === false ? decision.reason : 'allowed';
};

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
    ['/auth/nginx%2f', 404],
    ['/auth/NGINX', 404],
    ['/auth/nginx;x', 404],
    ['/auth/nginx#x', 404],
    ['/auth/__proto__', 404],
    ['/auth', 404],
    ['/auth/', 404],
    ['/', 404],
    ['*', 404],
    ['//auth/nginx', 404],
    ['/x/../auth/nginx', 404],
    ['/%61uth/nginx', 404],
    ['http://127.0.0.1/auth/nginx', 404],
    ['/AUTH/nginx', 404],
    ['/jwks', 404],
    ['/auth/nginx', 200],
    ['/auth/nginx/', 200],
    ['/auth/nginx?q=/auth/other', 200],
    ['/auth/nginx/../../jwks', 200],
  ])('to %s is answered %i', async (path, status) => {
    const answer = await service.ask(path, [...nginxHeaders(), ...key]);
    expect(answer.status).toBe(status);
    if (status === 404) expect(answer.headers).not.toHaveProperty('x-custom-jwt');
  });

  it.each(['GET', 'HEAD', 'POST', 'OPTIONS', 'TRACE', 'PURGE'])(
    'may be made with %s',
    async (method) => {
      expect((await service.ask('/auth/nginx', [...nginxHeaders(), ...key], method)).status).toBe(
        200,
      );
      const denied = await service.ask('/auth/nginx', nginxHeaders(), method);
      expect(denied.status).toBe(401);
      expect(denied.body === '').toBe(method === 'HEAD');
    },
  );
});

describe('a header that decides', () => {
  const call = [...forwardedHeaders()];

  it.each<[string, string[], string]>([
    [
      'Authorization twice',
      [...bearer({ azp: 'a', exp: soon() }), 'authorization', ''],
      'duplicate_header',
    ],
    ['an API key twice', [...key, ...key], 'duplicate_header'],
    ['an API key as X_Api_Key', [...key, 'X_Api_Key', 'k'], 'aliased_header'],
    ['an API key as X.Api.Key', [...key, 'X.Api.Key', 'k'], 'aliased_header'],
    ['an API key as x-api_key', [...key, 'x-api_key', 'k'], 'aliased_header'],
    ["an API key as x~api'key", [...key, "x~api'key", 'k'], 'aliased_header'],
    ['the token as X_Custom_Jwt', [...key, 'X_Custom_Jwt', 'x'], 'aliased_header'],
    ['the token as X.Custom.Jwt', [...key, 'X.Custom.Jwt', 'x'], 'aliased_header'],
    ['a promised header as X_Client-Id', [...key, 'X_Client-Id', 'root'], 'aliased_header'],
    ['the token for the client as X_Jwt_Out', [...key, 'X_Jwt_Out', 'x'], 'aliased_header'],
    [
      'what an expression reads, twice',
      [...key, 'X-Tenant', 'a', 'X-Tenant', 'b'],
      'duplicate_header',
    ],
    ['what an expression reads, as an alias', [...key, 'X_Tenant', 'b'], 'aliased_header'],
    [
      'the stated credential twice',
      [...key, ...['X-Countersign-Credential', 'api_key', 'x-countersign-credential', 'bearer']],
      'duplicate_header',
    ],
    [
      'the stated credential as an alias',
      [...key, 'X_Countersign_Credential', 'bearer'],
      'aliased_header',
    ],
    [
      'an unknown stated credential',
      [...key, 'X-Countersign-Credential', 'cookie'],
      'wrong_stated_credential',
    ],
    [
      'a stated credential that is not there',
      [...key, 'X-Countersign-Credential', 'basic'],
      'wrong_stated_credential',
    ],
    [
      'Connection with Authorization',
      [...key, 'Connection', 'close, authorization'],
      'nominated_header',
    ],
    ['Connection with the token', [...key, 'Connection', 'X-Custom-Jwt'], 'nominated_header'],
    [
      'Connection with the token, in a second line',
      [...key, ...['Connection', 'keep-alive', 'connection', 'x-custom-jwt']],
      'nominated_header',
    ],
    [
      'Connection with a promised header',
      [...key, 'Connection', 'x-client-id ,close'],
      'nominated_header',
    ],
    [
      'Connection with a header of the gateway',
      [...key, 'Connection', 'X-Forwarded-Uri'],
      'nominated_header',
    ],
  ])('is refused: %s', async (_what, headers, why) => {
    expect((await service.ask('/auth/traefik', [...call, ...headers])).status).toBe(401);
    expect(reason()).toBe(why);
  });

  it.each<[string, string[]]>([
    [
      'the client’s own token header, which is replaced',
      ['X-Custom-Jwt', 'x', 'X-Client-Id', 'root'],
    ],
    ['other headers twice', ['Cookie', 'a=1', 'Cookie', 'b=2', 'X_Other', 'c']],
    ['Connection with others', ['Connection', 'Upgrade, HTTP2-Settings', 'Upgrade', 'h2c']],
    ['an empty stated credential', ['X-Countersign-Credential', '']],
    ['a header named __proto__', ['__proto__', 'x']],
  ])('is not %s', async (_what, headers) => {
    const answer = await service.ask('/auth/traefik', [...call, ...key, ...headers]);
    expect(answer.status).toBe(200);
    expect(answer.headers['x-client-id']).toMatch(/^apikey-/);
  });
});

describe('a call with many or long headers', () => {
  const fill = (count: number) =>
    Array.from({ length: count }, (_, n) => [`X-Filler-${n}`, 'x']).flat();

  it.each([
    [100, 200],
    [101, 403],
    [1500, 403],
    [3000, 403],
  ])('of %i lines is answered %i', async (count, status) => {
    // What the gateway sends comes last: Node would drop it, and take what a client forged.
    const own = [...nginxHeaders('https://api.example.com/real'), ...key, 'Connection', 'close'];
    const answer = await service.ask('/auth/nginx', [...fill(count - own.length / 2), ...own]);
    expect(answer.status).toBe(status);
    if (status === 403) expect(reason()).toBe('too_many_headers');
  });

  it.each([
    [20_000, 200],
    [60_000, 200],
    [70_000, 431],
  ])('of %i bytes is answered %i', async (bytes, status) => {
    const answer = await service.ask('/auth/nginx', [
      ...nginxHeaders(),
      ...key,
      'Cookie',
      'c'.repeat(bytes),
    ]);
    expect(answer.status).toBe(status);
  });
});

describe('a caller', () => {
  const directory = mkdtempSync(join(tmpdir(), 'callers-'));
  const secrets = ['kR0mQ2vXw9zL4tYb', 'nP7sF1cJd6hG3aUe'];
  writeFileSync(join(directory, 'secret'), secrets.join('\n'));
  let guarded: TestService;
  beforeAll(async () => {
    guarded = await startService(`
issuer: https://countersign.example.com
callers: { networks: [127.0.0.0/8], secret_file: ${directory}/secret }
gateways: { nginx: {} }
credentials: [{ api_key: { trust: gateway, header: X-Api-Key } }]
token: { audience: a, claims: { all: request.headers } }
`);
  });
  afterAll(async () => {
    await guarded.close();
    rmSync(directory, { recursive: true });
  });
  const name = 'X-Countersign-Secret';

  it.each<[string, string[], number]>([
    ['with the secret', [name, secrets[0] ?? ''], 200],
    ['with the secret that comes next', [name, secrets[1] ?? ''], 200],
    ['with the secret under another case of the name', [name.toUpperCase(), secrets[0] ?? ''], 200],
    ['without it', [], 403],
    ['with an empty one', [name, ''], 403],
    ['with a wrong one', [name, 'kR0mQ2vXw9zL4tYB'], 403],
    ['with both', [name, secrets.join('\n').replace('\n', ' ')], 403],
    ['with it twice', [name, secrets[0] ?? '', name, secrets[0] ?? ''], 401],
    ['with it under an alias', ['X_Countersign_Secret', secrets[0] ?? ''], 401],
    ['with it as a nominated header', [name, secrets[0] ?? '', 'Connection', name], 401],
  ])('%s is answered as it should be', async (_what, headers, status) => {
    const answer = await guarded.ask('/auth/nginx', [...nginxHeaders(), ...key, ...headers]);
    expect(answer.status).toBe(status);
    if (status === 403) expect(guarded.decisions.at(-1)).toMatchObject({ reason: 'wrong_caller' });
  });

  it('that is none learns nothing about credentials', async () => {
    const good = await guarded.ask('/auth/nginx', [...nginxHeaders(), ...key]);
    const bad = await guarded.ask('/auth/nginx', [...nginxHeaders(), 'X-Api-Key', '']);
    expect(good.body).toBe(bad.body);
  });
});

/** Sends bytes, each piece after an answer to the one before, and gives all that comes until the end. */
function exchangeBytes(...pieces: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const next = () => socket.write(pieces.shift() ?? '', 'latin1');
    const socket = connect(service.authPort, '127.0.0.1', next);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      next();
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
const head = (more = '', method = 'GET', version = '1.1') =>
  `${method} /auth/nginx HTTP/${version}\r\nHost: auth\r\nX-Original-Method: GET\r\n` +
  `X-Original-URL: https://api.example.com/\r\n${more}\r\n`;
const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
const allowed = 'X-Api-Key: k-1\r\n';
const last = head(`${allowed}Connection: close\r\n`);

describe('the bytes of a connection', () => {
  it.each([
    ['announces a body that does not come', `${allowed}Content-Length: 5\r\n`, ''],
    ['announces a body that does not come, and is refused', 'Content-Length: 5\r\n', ''],
    ['has a body', `${allowed}Content-Length: 5\r\n`, 'hello'],
    ['has a body that looks like a call', `${allowed}Content-Length: ${head().length}\r\n`, head()],
    [
      'has a short length and a call behind',
      `${allowed}Content-Length: 5\r\n`,
      `hello${head(allowed)}`,
    ],
    ['announces chunks that do not come', `${allowed}Transfer-Encoding: chunked\r\n`, ''],
    [
      'has chunks and a call behind',
      `${allowed}Transfer-Encoding: chunked\r\n`,
      `0\r\n\r\n${head(allowed)}`,
    ],
    ['waits for 100-continue', `${allowed}Content-Length: 5\r\nExpect: 100-continue\r\n`, ''],
  ])(
    'are answered once, at once and for the last time when a call %s',
    async (_what, more, rest) => {
      const text = await exchangeBytes(head(more, 'POST') + rest);
      expect(statuses(text)).toEqual([more.startsWith(allowed) ? '200' : '401']);
      expect(text).toMatch(/\r\nConnection: close\r\n/);
    },
  );

  it('carry any number of calls, each with its own answer', async () => {
    const bad = 'Authorization: Bearer x\r\n';
    const calls = [allowed, '', bad, allowed, 'Content-Length: 0\r\n'];
    const text = await exchangeBytes(calls.map((more) => head(more)).join('') + last);
    expect(statuses(text)).toEqual(['200', '401', '401', '200', '401', '200']);
  });

  it.each([
    'Expect: 200-ok',
    'Upgrade: websocket\r\nConnection: Upgrade',
    'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
    'Content-Length: 0',
    'TE: trailers',
    'Content-Type: application/x-www-form-urlencoded',
  ])('are an ordinary call with %s', async (more) => {
    const text = await exchangeBytes(head(`${allowed}${more}\r\n`), last);
    expect(statuses(text)).toEqual(['200', '200']);
  });

  it('are answered with Expect: 100-continue, and no body is asked for', async () => {
    const text = await exchangeBytes(head(`${allowed}Expect: 100-continue\r\n`));
    expect(statuses(text)).toEqual(['200']);
  });

  it.each<[string, string[]]>([
    ['1.0', [head(allowed, 'GET', '1.0')]],
    ['1.0 with keep-alive', [head(`${allowed}Connection: keep-alive\r\n`, 'GET', '1.0'), last]],
    ['1.0 without Host', [head(allowed, 'GET', '1.0').replace('Host: auth\r\n', '')]],
    ['1.1 without Host', [head(allowed).replace('Host: auth\r\n', ''), last]],
  ])('may be HTTP %s', async (_what, calls) => {
    expect(statuses(await exchangeBytes(...calls))).toEqual(calls.map(() => '200'));
  });

  it.each([
    ['a method in small letters', head(allowed, 'get')],
    ['a method that is none', head(allowed, 'G\u00cbT')],
    ['CONNECT', head(allowed, 'CONNECT').replace('/auth/nginx', 'auth:80')],
    ['no HTTP', 'hello\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['two lengths', head(`${allowed}Content-Length: 0\r\nContent-Length: 5\r\n`)],
    ['length and chunks', head(`${allowed}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`)],
    ['a negative length', head(`${allowed}Content-Length: -1\r\n`)],
    ['a folded header', head(`${allowed}X-A: a\r\n b\r\n`)],
    ['a space before the colon', head('Connection: close\r\nX-Api-Key : k-1\r\n')],
    ['a bare line feed', head(`${allowed}X-A: a\nX-Custom-Jwt: x\r\n`)],
    ['a NUL in a header', head(`${allowed}X-A: a\0b\r\n`)],
    ['a space in the path', head(allowed).replace('/auth/nginx', '/auth/nginx x')],
  ])('never get more than a 4xx, and the connection ends: %s', async (_what, bytes) => {
    const text = await exchangeBytes(bytes);
    expect(statuses(text).filter((status) => !status?.startsWith('4'))).toEqual([]);
    expect(text).not.toMatch(/x-custom-jwt/i);
  });
});
