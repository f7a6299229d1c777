import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Seen } from '../support/backend.ts';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { type Impostor, startImpostor } from '../support/impostor.ts';
import { startNginx } from '../support/nginx.ts';
import { basic, freshDirectory, isMissing, writeFiles } from '../support/process.ts';
import { type Answer, send } from '../support/service.ts';

const alice = ['Authorization', basic('alice', 'secret')];
const secret = randomBytes(24).toString('base64url');

/** What the recipe's comments tell users to do to a file. */
type Edit = readonly [file: string, from: string | RegExp, to: string];

function edit(home: string, edits: readonly Edit[]): void {
  for (const [file, from, to] of edits) {
    const path = join(home, 'countersign', file);
    const before = readFileSync(path, 'utf8');
    const after = before.replaceAll(from, to);
    if (after === before) throw new Error(`${file} has no ${from}`);
    writeFileSync(path, after);
  }
}

function startLab(settings: string, edits: readonly Edit[]): Promise<GatewayLab> {
  return startGatewayLab({
    gateway: 'nginx',
    settings,
    startGateway(home) {
      edit(home, edits);
      return startNginx(home);
    },
  });
}

const ask = (lab: GatewayLab, headers: readonly string[], path = '/'): Promise<Answer> =>
  send({ port: lab.httpPort, path, headers: ['Host', 'api.example.com', ...headers] });
const valuesOf = ({ headers }: Seen, name: string) =>
  headers.filter(([header]) => header === name).map(([, value]) => value);

/** Two trusted kinds, and room for a large token. */
const shipped = `
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }, { api_key: { trust: gateway } }]
token:
  upstream_hosts: any
  max_header_bytes: 8000
  claims: { host: request.host, path: request.path }
`;

/** The caller must know a secret, too. */
function strict(): string {
  const directory = freshDirectory();
  writeFiles(directory, { 'gateway.secret': `${secret}\n` });
  return `${shipped}callers: { secret_file: ${join(directory, 'gateway.secret')} }\n`;
}

(isMissing('nginx') ? describe.skip : describe)("nginx's recipe", () => {
  describe('with its options taken', () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startLab(strict(), [
        ['location.conf', /^# (?=proxy_set_header)/gm, ''],
        ['server.conf', 'X-Countersign-Secret ""', `X-Countersign-Secret "${secret}"`],
        ['server.conf', 'X-Countersign-Credential ""', 'X-Countersign-Credential "basic"'],
      ]);
    }, 60_000);
    afterAll(() => lab.close());

    it('keeps the credential from the backend', async () => {
      const answer = await ask(lab, [...alice, 'apikey', 'forged']);
      expect(answer.status).toBe(200);
      const seen: Seen = JSON.parse(answer.body);
      expect(seen.claims).toMatchObject({ client_id: 'alice' });
      expect(valuesOf(seen, 'x-custom-jwt')).toHaveLength(1);
      expect(valuesOf(seen, 'authorization')).toEqual([]);
      expect(valuesOf(seen, 'apikey')).toEqual([]);
    });

    it('takes the kind that nginx names, whatever the client says', async () => {
      const forged = ['apikey', 'forged', 'X-Countersign-Credential', 'api_key'];
      const answer = await ask(lab, [...alice, ...forged]);
      expect(answer.status).toBe(200);
      expect((JSON.parse(answer.body) as Seen).claims).toMatchObject({ client_id: 'alice' });
      expect((await ask(lab, forged)).status).toBe(401);
    });

    it('says the secret, whatever the client says', async () => {
      const answer = await ask(lab, [...alice, 'X-Countersign-Secret', 'wrong']);
      expect(answer.status).toBe(200);
    });
  });

  describe('as it is', () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startLab(shipped, []);
    }, 60_000);
    afterAll(() => lab.close());

    it.each(['', 'basic', 'api_key'])(
      'lets no client say which of two credentials was verified: %j',
      async (kind) => {
        const both = [...alice, 'apikey', 'forged'];
        const answer = await ask(lab, [...both, 'X-Countersign-Credential', kind]);
        expect(answer.status).toBe(401);
      },
    );

    it('keeps the question to itself: nobody outside can ask it', async () => {
      const url = ['X-Original-Method', 'GET', 'X-Original-URL', 'https://api.example.com/'];
      const answer = await ask(lab, [...alice, ...url], '/_countersign');
      expect(answer.status).toBe(404);
      expect(answer.headers['x-custom-jwt']).toBeUndefined();
    });

    it('tells Countersign and the backend the host that the client asked for', async () => {
      const seen: Seen = JSON.parse((await ask(lab, alice)).body);
      expect(valuesOf(seen, 'host')).toEqual(['api.example.com']);
      expect(seen.claims).toMatchObject({ host: 'api.example.com' });
    });

    it('takes the host of a request in absolute form, not that of its Host line', async () => {
      // RFC 9112 §3.2.2
      const answer = await ask(lab, alice, 'http://other.example.com/absolute');
      const seen: Seen = JSON.parse(answer.body);
      expect(valuesOf(seen, 'host')).toEqual(['other.example.com']);
      expect(seen.claims).toMatchObject({ host: 'other.example.com', path: '/absolute' });
    });

    it('has room for a token of 6 KiB', async () => {
      const path = `/${'a'.repeat(4_400)}`;
      const answer = await ask(lab, alice, path);
      expect(answer.status).toBe(200);
      expect((JSON.parse(answer.body) as Seen).claims).toMatchObject({ path });
    });
  });

  it('says no secret for a client that knows it', async () => {
    const lab = await startLab(strict(), []);
    try {
      const answer = await ask(lab, [...alice, 'X-Countersign-Secret', secret]);
      expect(answer.status).toBe(403);
      expect(lab.backend.seen).toEqual([]);
    } finally {
      await lab.close();
    }
  }, 60_000);

  describe('where something else answers in the place of Countersign', () => {
    let lab: GatewayLab;
    let impostor: Impostor;
    beforeAll(async () => {
      impostor = await startImpostor();
      const address = /server 127\.0\.0\.1:\d+;/;
      lab = await startLab(strict(), [
        ['http.conf', new RegExp(address, 'g'), `server 127.0.0.1:${impostor.port};`],
      ]);
    }, 60_000);
    afterAll(async () => {
      await lab.close();
      impostor.close();
    });

    it.each([
      ['nothing, for 3 s', '', 500],
      ['no HTTP', 'hello\r\n', 500],
      ['503', 'HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n', 500],
      ['302', 'HTTP/1.1 302 x\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n', 500],
      ['403 without a body', 'HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n', 403],
    ])('is closed: %s', async (_what, text, status) => {
      impostor.says = text;
      const before = lab.backend.seen.length;
      const answer = await ask(lab, [...alice, 'X-Custom-Jwt', 'evil']);
      expect(answer.status).toBe(status);
      expect(lab.backend.seen).toHaveLength(before);
    });

    it.each([
      ['Content-Length', ['Content-Length', '5']],
      ['Transfer-Encoding', ['Transfer-Encoding', 'chunked']],
    ])('asks with nothing but headers that concern it: %s', async (_what, framing) => {
      impostor.says = 'HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n';
      await send({
        ...{ port: lab.httpPort, path: '/a%2Fb?c', method: 'PUT', body: 'hello' },
        headers: [
          ...['Host', 'api.example.com', ...alice, ...framing, 'X-Custom-Jwt', 'evil'],
          ...['Connection', 'Upgrade', 'Upgrade', 'websocket', 'X-Original-Method', 'GET'],
        ],
      });
      const [request, ...lines] = impostor.heard().trimEnd().split('\r\n');
      expect(request).toBe('GET /auth/nginx HTTP/1.1');
      expect(lines.sort()).toEqual([
        `Authorization: ${alice[1]}`,
        'Host: countersign',
        'X-Original-Method: PUT',
        'X-Original-URL: http://api.example.com/a%2Fb?c',
      ]);
    });

    it('has a body for a refusal that brings none', async () => {
      impostor.says = 'HTTP/1.1 401 x\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n';
      const answer = await ask(lab, []);
      expect(answer.headers).toMatchObject({
        'www-authenticate': 'Basic',
        'content-type': 'application/problem+json',
      });
      expect(JSON.parse(answer.body)).toEqual({ type: 'about:blank', title: 'Refused' });
    });

    it("never passes the client's own token on, even where a 200 brings none", async () => {
      impostor.says = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
      const answer = await ask(lab, [...alice, 'X-Custom-Jwt', 'evil']);
      expect(valuesOf(JSON.parse(answer.body), 'x-custom-jwt')).toEqual([]);
    });
  });
});
