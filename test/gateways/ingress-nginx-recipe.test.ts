import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Seen } from '../support/backend.ts';
import { ecKeys, issueCertificate, name } from '../support/certificates.ts';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { type Impostor, startImpostor } from '../support/impostor.ts';
import { type Parts, startIngressNginx } from '../support/ingress-nginx.ts';
import { basic, freshDirectory, isMissing, writeFiles } from '../support/process.ts';
import { type Answer, send } from '../support/service.ts';

const alice = ['Authorization', basic('alice', 'secret')];
const secret = randomBytes(24).toString('base64url');

const shipped = `
gateways: { ingress-nginx: { client_certificate: true } }
credentials: [{ basic: { trust: gateway } }, { client_certificate: { trust: gateway } }]
token:
  upstream_hosts: any
  max_header_bytes: 8000
  claims: { host: request.host, path: request.path }
`;

function strict(): string {
  const directory = freshDirectory();
  writeFiles(directory, { 'gateway.secret': `${secret}\n` });
  return `${shipped}callers: { secret_file: ${join(directory, 'gateway.secret')} }\n`;
}

interface Lab extends Parts {
  readonly settings?: string;
  /** What a user does to the Ingress and its ConfigMap. */
  readonly edit?: (text: string) => string;
  /** Answers in the place of Countersign. */
  readonly impostor?: number;
}

function startLab({ controller, settings = shipped, edit, impostor }: Lab): Promise<GatewayLab> {
  return startGatewayLab({
    gateway: 'ingress-nginx',
    settings,
    startGateway(home, ports) {
      const file = join(home, 'countersign', 'ingress.yaml');
      const before = readFileSync(file, 'utf8');
      const after = edit?.(before);
      if (after === before) throw new Error('the edit changes nothing');
      if (after !== undefined) writeFileSync(file, after);
      const countersign = impostor ?? ports.countersign;
      return startIngressNginx({ controller })(home, { ...ports, countersign });
    },
  });
}

const ask = (
  lab: GatewayLab,
  headers: readonly string[],
  { path = '/', host = 'api.example.com' } = {},
): Promise<Answer> => send({ port: lab.httpPort, path, headers: ['Host', host, ...headers] });
const seenBy = ({ body }: Answer): Seen => JSON.parse(body);

(isMissing('nginx') ? describe.skip : describe)("ingress-nginx's recipe", () => {
  describe('with the controller part', () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startLab({ controller: 'with the controller part' });
    }, 60_000);
    afterAll(() => lab.close());

    it('refuses a host in the request line that the Host line does not name', async () => {
      const before = lab.backend.seen.length;
      const path = 'http://other.example.com/absolute';
      expect((await ask(lab, alice, { path })).status).toBe(400);
      expect(lab.backend.seen).toHaveLength(before);
    });

    it.each(['API.example.com', 'api.example.com.', 'api.example.com:8000', '[::1]:8000'])(
      'takes %s in the Host line',
      async (host) => {
        expect((await ask(lab, alice, { host })).status).toBe(200);
      },
    );

    it('has room for a token of 6 KiB', async () => {
      const path = `/${'a'.repeat(4_400)}`;
      const answer = await ask(lab, alice, { path });
      expect(answer.status).toBe(200);
      expect(seenBy(answer).claims).toMatchObject({ path });
    });

    it('keeps the question to itself: nobody outside can ask it', async () => {
      const url = ['X-Original-Method', 'GET', 'X-Original-URL', 'https://api.example.com/'];
      const answer = await ask(lab, [...alice, ...url], { path: '/_external-auth-Lw-Prefix' });
      expect(answer.status).toBe(404);
      expect(answer.headers['x-custom-jwt']).toBeUndefined();
    });
  });

  describe('without the controller part', () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startLab({ controller: 'without it' });
    }, 60_000);
    afterAll(() => lab.close());

    it.each([
      ['X-Custom-Jwt', 200],
      ['X_Custom_Jwt', 200],
      ['X.Custom.Jwt', 200],
    ])('lets no %s of the client through', async (header, status) => {
      const answer = await ask(lab, [...alice, header, 'evil']);
      expect(answer.status).toBe(status);
      expect(answer.body).not.toContain('evil');
      expect(seenBy(answer).claims).toMatchObject({ client_id: 'alice' });
    });

    it("has the controller's own page for a refusal, and the challenge", async () => {
      const answer = await ask(lab, []);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic /);
      expect(answer.headers['content-type']).toBe('text/html');
    });

    it('tells Countersign the Host line of a request that names two hosts', async () => {
      const path = 'http://other.example.com/absolute';
      const { claims } = seenBy(await ask(lab, alice, { path }));
      expect(claims).toMatchObject({ host: 'api.example.com', path: '/absolute' });
    });
  });

  describe('without client certificates in the Ingress', () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startLab({
        controller: 'without it',
        edit: (text) => text.replaceAll(/^.*ingress\.kubernetes\.io\/auth-tls-.*\n/gm, ''),
      });
    }, 60_000);
    afterAll(() => lab.close());

    it('takes no certificate from a header', async () => {
      const { pem } = issueCertificate({
        ...{ subject: name({ CN: 'admin' }), keys: ecKeys(), signature: 'ecdsa-sha256' },
      });
      const forged = ['ssl-client-cert', encodeURIComponent(pem), 'ssl-client-verify', 'SUCCESS'];
      expect((await ask(lab, forged)).status).toBe(401);
      const answer = await ask(lab, [...alice, ...forged]);
      expect(seenBy(answer).claims).toMatchObject({ client_id: 'alice' });
    });
  });

  it("says the ConfigMap's secret and kind of credential, whatever the client says", async () => {
    const lab = await startLab({
      controller: 'without it',
      settings: strict(),
      edit: (text) =>
        text
          .replace('X-Countersign-Secret: ""', `X-Countersign-Secret: "${secret}"`)
          .replace('X-Countersign-Credential: ""', 'X-Countersign-Credential: basic'),
    });
    try {
      const forged = ['X-Countersign-Secret', 'no', 'X-Countersign-Credential', 'api_key'];
      expect((await ask(lab, [...alice, ...forged])).status).toBe(200);
    } finally {
      await lab.close();
    }
  }, 60_000);

  it('says no secret for a client that knows it', async () => {
    const lab = await startLab({ controller: 'without it', settings: strict() });
    try {
      expect((await ask(lab, [...alice, 'X-Countersign-Secret', secret])).status).toBe(403);
    } finally {
      await lab.close();
    }
  }, 60_000);

  describe('where something else answers in the place of Countersign', () => {
    let lab: GatewayLab;
    let impostor: Impostor;
    beforeAll(async () => {
      impostor = await startImpostor();
      lab = await startLab({ controller: 'with the controller part', impostor: impostor.port });
    }, 60_000);
    afterAll(async () => {
      await lab.close();
      impostor.close();
    });

    it.each([
      ['nothing, for 3 s', '', 500],
      ['503', 'HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n', 500],
      ['302', 'HTTP/1.1 302 x\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n', 500],
      ['403 without a body', 'HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n', 403],
    ])('is closed: %s', async (_what, text, status) => {
      impostor.says = text;
      const before = lab.backend.seen.length;
      expect((await ask(lab, [...alice, 'X-Custom-Jwt', 'evil'])).status).toBe(status);
      expect(lab.backend.seen).toHaveLength(before);
    });

    it("never passes the client's own token on, even where a 200 brings none", async () => {
      impostor.says = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
      const answer = await ask(lab, [...alice, 'X-Custom-Jwt', 'evil']);
      expect(answer.status).toBe(200);
      expect(seenBy(answer).headers.flat()).not.toContain('x-custom-jwt');
    });
  });
});
