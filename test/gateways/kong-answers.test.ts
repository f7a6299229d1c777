import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Seen } from '../support/backend.ts';
import { ecKeys, issueCertificate, name } from '../support/certificates.ts';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { kongNeeds, startKong } from '../support/kong.ts';
import { basic, isMissing, listenAnywhere, until } from '../support/process.ts';
import { type Answer, send } from '../support/service.ts';

const settings = `
gateways: { kong: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: upstream }
`;
const alice = ['Authorization', basic('alice', 'secret')];

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n';
const token = 'X-Custom-Jwt: minted\r\nX-Client-Id: alice\r\n';
const good = `${ok}${token}\r\n`;

(kongNeeds.some(isMissing) ? describe.skip : describe)("Kong's plugin", () => {
  let lab: GatewayLab;
  let impostor: Server;
  /** Every question so far, and the connection on which it came. */
  let heard: { readonly text: string; readonly connection: Socket }[] = [];
  /** What each question gets; '' is silence, and undefined the end of the connection. */
  let says: () => string | undefined = () => good;
  beforeAll(async () => {
    impostor = createServer((connection) => {
      connection.on('error', () => {});
      connection.on('data', (bytes) => {
        const text = bytes.toString('latin1');
        heard.push({ text, connection });
        const answer = says();
        if (answer === undefined) connection.destroy();
        else connection.write(answer, 'latin1');
      });
    });
    const port = await listenAnywhere(impostor);
    lab = await startGatewayLab({
      gateway: 'kong',
      settings,
      startGateway: (home) =>
        startKong(home, {
          config: {
            url: `http://127.0.0.1:${port}/auth/kong`,
            headers: ['X-Client-Id'],
            read_timeout: 300,
          },
        }),
    });
  }, 60_000);
  afterAll(async () => {
    await lab.close();
    impostor.close();
  });
  beforeEach(() => {
    heard = [];
    says = () => good;
  });

  const ask = (headers: readonly string[] = alice, method = 'GET', body = ''): Promise<Answer> =>
    send({
      port: lab.httpPort,
      path: '/a/../b?c=%20',
      method,
      headers: ['Host', 'api.example.com', ...headers],
      body,
    });
  const lines = () => heard[0]?.text.split('\r\n') ?? [];
  const values = (name: string) =>
    lines()
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim());

  describe('asks', () => {
    it('says what Kong knows, once, and never what the client says in its place', async () => {
      const forged = {
        'X-Forwarded-Method': 'PATCH',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'admin.example.com',
        X_Forwarded_Uri: '/admin',
        'X-Upstream-Url': 'http://admin.example.com',
        'X-Consumer-Username': 'admin',
        X_Consumer_Id: 'admin',
        'X-Credential-Identifier': 'admin',
        'X-Anonymous-Consumer': 'no',
        'Client-Cert': ':admin:',
        'X-Countersign-Credential': 'bearer',
        X_Countersign_Secret: 'admin',
        'X-Custom-Jwt': 'admin',
        X_Client_Id: 'admin',
      };
      await ask([...alice, ...Object.entries(forged).flat()], 'DELETE');
      expect(lines()[0]).toBe('GET /auth/kong HTTP/1.1');
      const stated = {
        'x-forwarded-method': 'DELETE',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'api.example.com',
        'x-forwarded-uri': '/a/../b?c=%20',
        'x-upstream-url': expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        'x-consumer-id': 'id-of-alice',
        'x-consumer-custom-id': '',
        'x-consumer-username': 'alice',
        'x-credential-identifier': 'alice',
        'x-anonymous-consumer': '',
        // As the shipped file says: what key-auth verifies.
        'x-countersign-credential': 'api_key',
      };
      for (const [name, value] of Object.entries(stated)) expect(values(name)).toEqual([value]);
      const text = heard[0]?.text ?? '';
      expect(text).not.toContain('admin');
      expect(text).not.toMatch(/client.cert|secret|jwt/i);
      expect(text).not.toContain('never told');
    });

    it('takes along what else the client says: twice, if it came twice', async () => {
      const twice = ['apikey', 'one', 'apikey', 'two', 'X_Api_Key', 'three'];
      await ask([...alice, ...twice, 'Cookie', 'a=b']);
      expect(values('apikey')).toEqual(['one', 'two']);
      expect(values('x_api_key')).toEqual(['three']);
      expect(values('cookie')).toEqual(['a=b']);
      expect(values('authorization')).toEqual([alice[1]]);
    });

    it('takes nothing along that is about a connection or a body', async () => {
      const framing = ['Content-Length', '4', 'Expect', '100-continue', 'TE', 'trailers'];
      const upgrade = ['Connection', 'upgrade', 'Upgrade', 'websocket', 'Keep-Alive', 'x'];
      await ask([...alice, ...framing, ...upgrade], 'POST', 'body');
      for (const name of ['content-length', 'transfer-encoding', 'expect', 'te', 'upgrade']) {
        expect(values(name)).toEqual([]);
      }
      expect([...values('connection'), ...values('keep-alive')]).toEqual([]);
      expect(heard[0]?.text.endsWith('\r\n\r\n')).toBe(true);
      expect(heard).toHaveLength(1);
    });

    it.each(['X-Client-Id', 'x_custom_jwt', 'close, apikey', 'keep-alive,X-Consumer-ID'])(
      'nothing when Connection would make Kong drop a header: %s',
      async (nominated) => {
        expect((await ask([...alice, 'Connection', nominated])).status).toBe(400);
        expect((await ask([...alice, 'Connection', 'close', 'Connection', nominated])).status).toBe(
          400,
        );
        expect(heard).toEqual([]);
      },
    );
  });

  describe('keeps connections', () => {
    it('asks many times on one', async () => {
      for (let n = 0; n < 5; n++) expect((await ask()).status).toBe(200);
      expect(new Set(heard.map(({ connection }) => connection)).size).toBe(1);
    });

    it('asks once more when a kept one ends', async () => {
      expect((await ask()).status).toBe(200);
      const [kept] = heard;
      says = () => (heard.at(-1)?.connection === kept?.connection ? undefined : good);
      expect((await ask()).status).toBe(200);
      expect(heard).toHaveLength(3);
    });

    it('asks no second time on a fresh one', async () => {
      says = () => undefined;
      expect((await ask()).status).toBe(503);
      heard = [];
      expect((await ask()).status).toBe(503);
      expect(heard).toHaveLength(1);
    });

    it('keeps none on which more may come', async () => {
      says = () => 'HTTP/1.1 103 Early Hints\r\n\r\n';
      expect((await ask()).status).toBe(503);
      await until(() => heard[0]?.connection.destroyed === true);
      says = () => good;
      expect((await ask()).status).toBe(200);
    });
  });

  describe('lets pass', () => {
    it('a 200 with each promised header, over those of the client', async () => {
      const answer = await ask([...alice, 'X-Custom-Jwt', 'evil', 'x-client-id', 'evil']);
      expect(answer.status).toBe(200);
      const { headers }: Seen = JSON.parse(answer.body);
      const minted = headers.filter(([name]) => /custom.jwt|client.id/.test(name));
      expect(minted.sort()).toEqual([
        ['x-client-id', 'alice'],
        ['x-custom-jwt', 'minted'],
      ]);
    });

    it.each([
      ['nothing, for longer than it waits', ''],
      ['no HTTP', 'hello\r\n\r\n'],
      ['half an answer', 'HTTP/1.1 200 OK\r\nX-Custom-Jwt: minted\r\n'],
      ['200 without a token', `${ok}X-Client-Id: alice\r\n\r\n`],
      ['200 with an empty token', `${ok}X-Custom-Jwt: \r\nX-Client-Id: alice\r\n\r\n`],
      ['200 with two tokens', `${ok}${token}X-Custom-Jwt: other\r\n\r\n`],
      ['200 without another header', `${ok}X-Custom-Jwt: minted\r\n\r\n`],
      ['200 with a body', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${token}\r\nhi`],
      [
        '200 with less of a body than it says',
        `HTTP/1.1 200 OK\r\nContent-Length: 9\r\n${token}\r\n`,
      ],
      ['200 without a length', `HTTP/1.1 200 OK\r\n${token}\r\n`],
      ['201', good.replace('200', '201')],
      ['204', `HTTP/1.1 204 x\r\n${token}\r\n`],
      ['302', `HTTP/1.1 302 x\r\nLocation: /in\r\nContent-Length: 0\r\n${token}\r\n`],
      ['404', `HTTP/1.1 404 x\r\nContent-Length: 0\r\n${token}\r\n`],
      ['500', `HTTP/1.1 500 x\r\nContent-Length: 0\r\n${token}\r\n`],
    ])('nothing when the answer is %s', async (_what, text) => {
      says = () => text;
      const before = lab.backend.seen.length;
      const answer = await ask([...alice, 'X-Custom-Jwt', 'evil']);
      expect(answer.status).toBe(503);
      expect(answer.headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' });
      expect(JSON.parse(answer.body)).toMatchObject({ status: 503 });
      expect(answer.rawHeaders.join()).not.toContain('minted');
      expect(lab.backend.seen).toHaveLength(before);
    });

    it.each([401, 403, 503])(
      'a refusal to the client, and nothing else of it: %d',
      async (status) => {
        const headers = `Content-Type: a/b\r\nCache-Control: no-store\r\nRetry-After: 7\r\n`;
        const challenges = 'WWW-Authenticate: Bearer\r\nWWW-Authenticate: Basic realm="x"\r\n';
        says = () =>
          `HTTP/1.1 ${status} x\r\nContent-Length: 2\r\n${headers}${challenges}Set-Cookie: a=b\r\n${token}\r\nno`;
        const before = lab.backend.seen.length;
        const answer = await ask();
        expect(answer).toMatchObject({ status, body: 'no' });
        expect(answer.headers).toMatchObject({
          'content-type': 'a/b',
          'cache-control': 'no-store',
          'retry-after': '7',
          'www-authenticate': 'Bearer, Basic realm="x"',
        });
        expect(answer.headers['set-cookie']).toBeUndefined();
        expect(answer.rawHeaders.join()).not.toContain('minted');
        expect(lab.backend.seen).toHaveLength(before);
      },
    );
  });
});

(kongNeeds.some(isMissing) ? describe.skip : describe)("Kong's plugin over TLS", () => {
  it.each([
    [true, 503],
    [false, 200],
  ])('with ssl_verify %j gets from a stranger %d', async (verifies, status) => {
    const subject = name({ CN: '127.0.0.1' });
    const issued = { subject, keys: ecKeys(), signature: 'ecdsa-sha256' } as const;
    const { pem, privateKey } = issueCertificate(issued);
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const overTls = createTlsServer({ cert: pem, key }, (connection) => {
      connection.on('error', () => {}).on('data', () => connection.write(good));
    });
    const port = await listenAnywhere(overTls);
    const url = `https://127.0.0.1:${port}/auth/kong`;
    const config = { url, headers: ['X-Client-Id'], ssl_verify: verifies };
    const startGateway = (home: string) => startKong(home, { config });
    const lab = await startGatewayLab({ gateway: 'kong', settings, startGateway });
    try {
      const headers = ['Host', 'api.example.com', ...alice];
      expect((await send({ port: lab.httpPort, path: '/', headers })).status).toBe(status);
    } finally {
      await lab.close();
      overTls.close();
    }
  });
});
