import { createHash, randomBytes } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Seen } from './backend.ts';
import { ecKeys, type Issued, issueCertificate, name } from './certificates.ts';
import { askOverTls, issueClient, sendRaw } from './gateway-clients.ts';
import { type GatewayLab, type StartGateway, startGatewayLab } from './gateway-lab.ts';
import { isMissing } from './process.ts';
import { type Answer, send } from './service.ts';

/** Where gateways differ, and are known to. */
export interface GatewayTraits {
  /** The folder of its recipe. */
  readonly gateway: string;
  /** Where it is not named like the gateway. */
  readonly profile?: string;
  /** Which part of the recipe is run, where there are several. */
  readonly variant?: string;
  readonly startGateway: StartGateway;
  /** Programs it needs. */
  readonly needs: readonly string[];
  /** What the client gets while Countersign is down. */
  readonly statusWhenDown: number;
  /** Who refuses two Authorization lines: some gateways do so themselves, with 400. */
  readonly statusOfTwoAuthorizations: number;
  /** What a client gets whose Connection header names what Countersign guards. */
  readonly statusOfNomination: (header: string) => number;
  /** The path that the gateway makes of a client's, for Countersign and backend alike. */
  readonly pathOf: (path: string) => string;
  /** What a client gets for a path that the gateway itself answers. */
  readonly statusOfPath?: (path: string) => 200 | 307;
  /** Where the backend gets another one: a limit of this gateway. */
  readonly backendPathOf?: (path: string) => string;
  /** What a client gets that sends an underscore in a header's name: most drop the header. */
  readonly statusOfUnderscores: 200 | 400;
  /** What a client gets that spells the token's name with dots, where the gateway lets it through. */
  readonly statusOfDots?: 200 | 401;
  /** How many connections to Countersign 20 requests may open: one for each of its threads. */
  readonly connectionsAtMost: number;
  /** What becomes of a certificate that another authority issued. */
  readonly strangeCertificate: 'is answered 400' | 'ends the handshake';
  /** Trailers of a request reach the backend: a limit of this gateway. */
  readonly passesTrailers: boolean;
}

const settingsFor = (profile: string) => `
gateways: { ${profile}: { client_certificate: true } }
credentials:
  - basic: { trust: gateway }
  - client_certificate: { verify: { ca_file: clients-ca.pem } }
token:
  upstream_hosts: any
  claims:
    method: request.method
    host: request.host
    scheme: request.scheme
    path: request.path
    query: request.query
routes: [{ match: { hosts: [forbidden.example.com] }, require: "false" }]
default_route: {}
`;

const alice = `Basic ${Buffer.from('alice:secret').toString('base64')}`;

/** What every recipe must hold, whatever its gateway. */
export function describeGateway(traits: GatewayTraits): void {
  const { gateway, profile = gateway, variant = 'recipe', startGateway } = traits;
  const settings = settingsFor(profile);
  const missing = traits.needs.some(isMissing);

  (missing ? describe.skip : describe)(`${gateway} with the shipped ${variant}`, () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startGatewayLab({ gateway, settings, startGateway });
    }, 60_000);
    afterAll(() => lab.close());

    const ask = (headers: readonly string[] = [], path = '/', method = 'GET') =>
      send({ port: lab.httpPort, path, method, headers: ['Host', 'api.example.com', ...headers] });
    const seenBy = (answer: Answer): Seen => JSON.parse(answer.body);
    const tokensIn = ({ headers }: Seen) =>
      headers.filter(([header]) => header.replace(/[^a-z]/g, '') === 'xcustomjwt');

    it('gives the backend one token, which verifies there', async () => {
      const answer = await ask(['Authorization', alice]);
      expect(answer.status).toBe(200);
      const seen = seenBy(answer);
      expect(tokensIn(seen)).toHaveLength(1);
      expect(seen.claims).toMatchObject({ client_id: 'alice', aud: 'http://api.example.com' });
    });

    it('turns a caller without credential away, with status, challenge and body', async () => {
      const before = lab.backend.seen.length;
      const answer = await ask();
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="countersign"/);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(JSON.parse(answer.body)).toMatchObject({ status: 401, title: 'Unauthorized' });
      expect(lab.backend.seen).toHaveLength(before);
    });

    it('passes a 403 on with its body', async () => {
      const headers = ['Host', 'forbidden.example.com', 'Authorization', alice];
      const answer = await send({ port: lab.httpPort, path: '/', headers });
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body)).toMatchObject({ status: 403, title: 'Forbidden' });
    });

    it.each([
      ['X-Custom-Jwt', 'evil'],
      ['x-custom-jwt', 'evil'],
      ['X_Custom_Jwt', 'evil'],
      ['X.Custom.Jwt', 'evil'],
    ])('lets no %s of the client through', async (header, value) => {
      const dots = header.includes('.') ? traits.statusOfDots : 200;
      const status = header.includes('_') ? traits.statusOfUnderscores : (dots ?? 200);
      const answer = await ask(['Authorization', alice, header, value]);
      expect(answer.status).toBe(status);
      if (status !== 200) return;
      const allowed = seenBy(answer);
      expect(tokensIn(allowed)).toHaveLength(1);
      expect(JSON.stringify(allowed.headers)).not.toContain('evil');
      expect((await ask([header, value])).status).toBe(401);
    });

    it.each(['X-Custom-Jwt', 'Authorization, X-Original-URL', 'X-Forwarded-Uri'])(
      'is not moved by Connection: %s',
      async (nominated) => {
        const answer = await ask(['Authorization', alice, 'Connection', `close, ${nominated}`]);
        expect(answer.status).toBe(traits.statusOfNomination(nominated));
        if (answer.status !== 200) return;
        expect(tokensIn(seenBy(answer))).toHaveLength(1);
        expect(seenBy(answer).claims).toMatchObject({ client_id: 'alice' });
      },
    );

    it.each([
      ['/a%2Fb', ''],
      ['/a%2fb//c', 'q=%20z&q=2'],
      ['/a/../b', ''],
      ['//double//x', 'x=/../y'],
      ['/caf%C3%A9', '?'],
    ])('hands %s ? %s to Countersign and backend', async (path, query) => {
      const url = query === '' ? path : `${path}?${query}`;
      const { pathOf, backendPathOf = pathOf, statusOfPath } = traits;
      const answer = await ask(['Authorization', alice], url, 'DELETE');
      expect(answer.status).toBe(statusOfPath?.(path) ?? 200);
      if (answer.status !== 200) return;
      const { claims, url: forBackend } = seenBy(answer);
      expect(claims).toMatchObject({
        method: 'DELETE',
        scheme: 'http',
        host: 'api.example.com',
        path: pathOf(path),
        query,
      });
      const mark = query === '' ? '' : '?';
      expect(forBackend).toBe(`${backendPathOf(path)}${mark}${query}`);
    });

    it.each([
      ['X-Original-URL', 'http://admin.example.com/admin'],
      ['X-Original-Method', 'PATCH'],
      ['X-Forwarded-Host', 'admin.example.com'],
      ['X-Forwarded-Uri', '/admin'],
      ['X-Countersign-Credential', 'client_certificate'],
      ['X-SSL-Client-Verify', 'SUCCESS'],
    ])('overwrites or ignores a forged %s', async (header, value) => {
      const { claims } = seenBy(await ask(['Authorization', alice, header, value], '/real'));
      expect(claims).toMatchObject({
        client_id: 'alice',
        method: 'GET',
        host: 'api.example.com',
        path: '/real',
      });
    });

    it('refuses two Authorization lines', async () => {
      const answer = await ask(['Authorization', alice, 'Authorization', alice]);
      expect(answer.status).toBe(traits.statusOfTwoAuthorizations);
    });

    it('passes a body of 5 MB untouched, and asks without it', async () => {
      const body = randomBytes(2_500_000).toString('hex');
      const answer = await send({
        port: lab.httpPort,
        path: '/upload',
        method: 'POST',
        headers: [
          ...['Host', 'api.example.com', 'Authorization', alice],
          ...['Content-Length', String(body.length), 'Expect', '100-continue'],
        ],
        body,
      });
      expect(answer.status).toBe(200);
      const bodySha256 = createHash('sha256').update(body).digest('hex');
      expect(seenBy(answer)).toMatchObject({ method: 'POST', bodyBytes: 5_000_000, bodySha256 });
      expect(seenBy(answer).claims).toMatchObject({ client_id: 'alice', method: 'POST' });
    });

    it(`${traits.passesTrailers ? 'cannot drop' : 'drops'} a token that hides in a trailer`, async () => {
      const raw = await sendRaw(
        lab.httpPort,
        `POST /t HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: ${alice}\r\n` +
          'Transfer-Encoding: chunked\r\nTrailer: X-Custom-Jwt\r\nConnection: close\r\n\r\n' +
          '2\r\nhi\r\n0\r\nX-Custom-Jwt: evil\r\n\r\n',
      );
      expect(raw).toMatch(/^HTTP\/1.1 200/);
      const trailers = lab.backend.seen.at(-1)?.trailers ?? [];
      expect(trailers.includes('evil')).toBe(traits.passesTrailers);
    });

    it('keeps its connections to Countersign', async () => {
      await ask(['Authorization', alice]);
      const before = lab.connections();
      for (let n = 0; n < 20; n++) {
        expect((await ask(['Authorization', `Basic ${btoa(`user-${n}:x`)}`])).status).toBe(200);
      }
      expect(lab.connections() - before).toBeLessThanOrEqual(traits.connectionsAtMost);
    });

    it('serves HTTP/2 clients', async () => {
      const client = connectHttp2(`https://127.0.0.1:${lab.httpsPort}`, {
        servername: 'api.example.com',
        ca: lab.server.pem,
        checkServerIdentity: () => undefined,
      });
      const body = await new Promise<string>((resolve, reject) => {
        const stream = client.request({
          ':path': '/h2',
          ':authority': 'api.example.com',
          authorization: alice,
          'x-custom-jwt': 'evil',
        });
        let text = '';
        stream.on('data', (chunk) => {
          text += chunk;
        });
        stream.on('end', () => resolve(text)).on('error', reject);
      });
      client.close();
      expect(JSON.parse(body).claims).toMatchObject({ client_id: 'alice', scheme: 'https' });
      expect(body).not.toContain('evil');
    });

    describe('with client certificates', () => {
      const over = (headers: Record<string, string>, certificate?: Issued) =>
        askOverTls(lab, headers, certificate);

      it('knows a client by its certificate', async () => {
        const client = issueClient(lab, 'client-1');
        const { status, body } = await over({}, client);
        expect(status).toBe(200);
        expect(JSON.parse(body).claims.client_id).toBe('O=Acme\\, Inc., CN=client-1');
      });

      it.each([
        ['X-SSL-Client-Cert', 'X-SSL-Client-Verify'],
        ['ssl-client-cert', 'ssl-client-verify'],
        ['Client-Cert', 'X-Client-Verify'],
      ])('does not take one from a header: %s', async (header, verify) => {
        const { pem } = issueClient(lab, 'admin');
        const forged = { [header]: encodeURIComponent(pem), [verify]: 'SUCCESS' };
        expect((await over(forged)).status).toBe(401);
        const plain = Object.entries(forged).flat();
        expect((await ask(plain)).status).toBe(401);
      });

      it('takes none that another authority issued', async () => {
        const stranger = issueCertificate({
          subject: name({ CN: 'client-1' }),
          keys: ecKeys(),
          signature: 'ecdsa-sha256',
        });
        const answer = await over({}, stranger).catch(() => undefined);
        expect(answer?.status).toBe(
          traits.strangeCertificate === 'is answered 400' ? 400 : undefined,
        );
      });
    });

    it('stays closed while Countersign is down, and recovers by itself', async () => {
      const before = lab.backend.seen.length;
      await lab.stopCountersign();
      for (const headers of [['Authorization', alice], ['X-Custom-Jwt', 'evil'], []]) {
        expect((await ask(headers)).status).toBe(traits.statusWhenDown);
      }
      expect(lab.backend.seen).toHaveLength(before);
      await lab.startCountersign();
      const answer = await ask(['Authorization', alice]);
      expect(answer.status).toBe(200);
      expect(seenBy(answer).claims).toMatchObject({ client_id: 'alice' });
    }, 30_000);
  });
}
