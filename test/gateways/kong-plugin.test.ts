import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Seen } from '../support/backend.ts';
import { ecKeys, issueCertificate, name } from '../support/certificates.ts';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { type KongChanges, kongNeeds, startKong } from '../support/kong.ts';
import { basic, freshDirectory, isMissing, writeFiles } from '../support/process.ts';
import { type Answer, claimsOf, send } from '../support/service.ts';

const settings = `
gateways: { kong: { client_certificate: true } }
credentials:
  - basic: { trust: gateway }
  - api_key: { trust: gateway }
  - client_certificate: { trust: gateway }
token:
  audience: upstream
  downstream_header: X-Custom-Jwt-Out
  claims:
    consumer: consumer.id
    custom: consumer.custom_id
    username: consumer.username
    credential: consumer.credential_identifier
`;

const alice = ['Authorization', basic('alice', 'secret')];
const consumers = { alice: { id: 'id-1', custom_id: 'acme-42', username: 'alice' } };
const startLab = (changes: KongChanges, text = settings) =>
  startGatewayLab({
    gateway: 'kong',
    settings: text,
    startGateway: (home) =>
      startKong(home, {
        consumers,
        ...changes,
        config: { verified_credential: undefined, hide_credentials: false, ...changes.config },
      }),
  });

/** Runs a gateway for one test. */
async function inLab(
  lab: Promise<GatewayLab>,
  test: (lab: GatewayLab) => Promise<void>,
): Promise<void> {
  const running = await lab;
  try {
    await test(running);
  } finally {
    await running.close();
  }
}

const ask = ({ httpPort: port }: GatewayLab, headers: readonly string[]): Promise<Answer> =>
  send({ port, path: '/', headers: ['Host', 'api.example.com', ...headers] });
const seenBy = (answer: Answer): Seen => JSON.parse(answer.body);
const valuesOf = ({ headers }: Seen, wanted: string) =>
  headers.filter(([header]) => header === wanted).map(([, value]) => value);

(kongNeeds.some(isMissing) ? describe.skip : describe)("Kong's plugin", () => {
  describe('and consumers', () => {
    let lab: GatewayLab;
    beforeAll(async () => {
      lab = await startLab({});
    }, 60_000);
    afterAll(() => lab.close());

    const forged = ['ID', 'Id', 'Custom-ID', 'Username', 'Groups', 'Anything']
      .flatMap((part) => [`X-Consumer-${part}`, 'admin'])
      .concat(['X_Consumer_ID', 'admin', 'X-Consumer_Custom_Id', 'admin'])
      .concat(['X-Credential-Identifier', 'admin', 'X-Anonymous-Consumer', 'false']);

    it("tells Countersign Kong's consumer", async () => {
      expect(seenBy(await ask(lab, alice)).claims).toMatchObject({
        client_id: 'alice',
        act: { client_id: 'acme-42' },
        consumer: 'id-1',
        custom: 'acme-42',
        username: 'alice',
        credential: 'alice',
      });
    });

    it('tells no consumer that the client made up', async () => {
      const { claims } = seenBy(await ask(lab, [...alice, ...forged]));
      expect(claims).toMatchObject({ consumer: 'id-1', custom: 'acme-42', credential: 'alice' });
      const bob = seenBy(await ask(lab, ['Authorization', basic('bob', 'x'), ...forged])).claims;
      expect(bob).toMatchObject({ consumer: 'id-of-bob', username: 'bob', credential: 'bob' });
      expect(bob).not.toHaveProperty('custom');
      expect(JSON.stringify(bob)).not.toContain('admin');
    });

    it.each([
      ['of Kong', []],
      ['but the one that it states itself', forged],
    ])('passes nobody without a consumer %s', async (_what, headers) => {
      const before = lab.backend.seen.length;
      const answer = await ask(lab, ['Authorization', basic('nobody', 'x'), ...headers]);
      expect(answer.status).toBe(401);
      expect(lab.backend.seen).toHaveLength(before);
    });

    it('passes no anonymous consumer', async () => {
      const before = lab.backend.seen.length;
      const headers = ['Authorization', basic('anonymous', 'x'), 'X-Anonymous-Consumer', 'false'];
      expect((await ask(lab, headers)).status).toBe(401);
      expect(lab.backend.seen).toHaveLength(before);
    });

    it('refuses Proxy-Authorization, which Kong may have checked in the place of the other', async () => {
      const proxied = ['Proxy-Authorization', basic('mallory', 'good')];
      expect((await ask(lab, [...alice, ...proxied])).status).toBe(400);
    });

    it("has the Service's URL as the audience, whatever the client says", async () => {
      const url = ['X-Upstream-Url', 'http://forged.example.com'];
      const { aud } = seenBy(await ask(lab, [...alice, ...url])).claims ?? {};
      expect(aud).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    });

    it('passes refusals on, with both challenges and the body', async () => {
      const answer = await ask(lab, []);
      expect(answer.status).toBe(401);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/problem+json',
        'cache-control': 'no-store',
        'www-authenticate': expect.stringMatching(/^Basic .*, ApiKey .*, ClientCertificate /),
      });
      expect(JSON.parse(answer.body)).toMatchObject({ status: 401 });
      expect(Number(answer.headers['content-length'])).toBe(answer.body.length);
    });

    it('lets the backend see the credential, unless told otherwise', async () => {
      expect(valuesOf(seenBy(await ask(lab, alice)), 'authorization')).toHaveLength(1);
    });

    it('refuses more headers than it can see', async () => {
      const many = (count: number) => Array.from({ length: count }, () => ['a', '']).flat();
      expect((await ask(lab, [...alice, ...many(150)])).status).toBe(403);
      expect((await ask(lab, [...alice, ...many(300)])).status).toBe(431);
    });

    it('gives the client no token, though Countersign offers one', async () => {
      const { rawHeaders } = await ask(lab, alice);
      expect(rawHeaders.join('\n').toLowerCase()).not.toContain('jwt');
    });
  });

  it.each([
    [
      { protocol: 'https', host: 'orders.internal', port: 8443, path: '/v1' },
      'https://orders.internal:8443/v1',
    ],
    [{ protocol: 'http', host: '2001:db8::1', port: 80 }, 'http://[2001:db8::1]'],
  ])('makes of the Service %j the audience %s', async (service, aud) => {
    await inLab(startLab({ service }), async (lab) => {
      expect(seenBy(await ask(lab, alice)).claims).toMatchObject({ aud });
    });
  });

  it('has no audience on a route without a Service', async () => {
    await inLab(startLab({ service: null }), async (lab) => {
      expect((await ask(lab, alice)).status).toBe(403);
    });
  });

  it('is closed when the name of a consumer would make a header of its own', async () => {
    const split = { alice: { id: 'id-1', custom_id: 'x\r\nX-Consumer-Username: admin' } };
    await inLab(startLab({ consumers: split }), async (lab) => {
      expect((await ask(lab, alice)).status).toBe(503);
      expect(lab.backend.seen).toEqual([]);
    });
  });

  it('hides credentials from the backend, and adds headers and a token for the client', async () => {
    const config = {
      hide_credentials: true,
      headers: ['X-Client-Id'],
      downstream_header: 'X-Custom-Jwt-Out',
      verified_credential: 'basic',
    };
    const text = `${settings}  headers: { X-Client-Id: client_id }\n`;
    await inLab(startLab({ config }, text), async (lab) => {
      const forged = ['apikey', 'forged', 'X-Client-Id', 'evil', 'X_Client_Id', 'evil'];
      const answer = await ask(lab, [...alice, ...forged]);
      expect(answer.status).toBe(200);
      const seen = seenBy(answer);
      expect(valuesOf(seen, 'authorization')).toEqual([]);
      expect(valuesOf(seen, 'apikey')).toEqual([]);
      expect(valuesOf(seen, 'x-client-id')).toEqual(['alice']);
      expect(JSON.stringify(seen.headers)).not.toContain('evil');
      const token = valuesOf(seen, 'x-custom-jwt');
      expect(claimsOf(answer.headers['x-custom-jwt-out'])).toEqual(claimsOf(token[0]));
      expect((await ask(lab, [])).headers['x-custom-jwt-out']).toBeUndefined();
    });
  });

  it('has the verified credential decide, not another one beside it', async () => {
    await inLab(startLab({ config: { verified_credential: 'api_key' } }), async (lab) => {
      const both = ['Authorization', basic('alice', 'x'), 'apikey', 'checked'];
      const forged = ['X-Countersign-Credential', 'basic'];
      const { claims } = seenBy(await ask(lab, [...both, ...forged]));
      expect(claims).toMatchObject({ client_id: 'acme-42', consumer: 'id-1' });
      expect((await ask(lab, [...alice, ...forged])).status).toBe(401);
    });
    await inLab(startLab({}), async (lab) => {
      expect((await ask(lab, [...alice, 'apikey', 'checked'])).status).toBe(401);
    });
  });

  it('can put the token where the credential was', async () => {
    const config = { token_header: 'Authorization', hide_credentials: true };
    const text = `${settings}  header: Authorization\n`;
    await inLab(startLab({ config }, text), async (lab) => {
      const [value, ...more] = valuesOf(seenBy(await ask(lab, alice)), 'authorization');
      expect(more).toEqual([]);
      expect(claimsOf(value?.replace(/^Bearer /, ''))).toMatchObject({ client_id: 'alice' });
    });
  });

  it('shows Countersign its secret, and no client can', async () => {
    const directory = freshDirectory();
    writeFiles(directory, { 'gateway.secret': 'a-secret-of-the-gateway\n' });
    const text = `${settings}callers: { secret_file: ${join(directory, 'gateway.secret')} }\n`;
    const forged = ['X-Countersign-Secret', 'a-secret-of-the-gateway'];
    await inLab(startLab({ config: { secret: 'a-secret-of-the-gateway' } }, text), async (lab) => {
      expect((await ask(lab, [...alice, 'X-Countersign-Secret', 'wrong'])).status).toBe(200);
    });
    writeFiles(directory, { 'gateway.secret': 'a-secret-of-the-gateway\n' });
    await inLab(startLab({}, text), async (lab) => {
      expect((await ask(lab, [...alice, ...forged])).status).toBe(403);
    });
  });

  describe.each([
    ['nginx verified', undefined, 200],
    ['another plugin did not accept', 'FAILED:revoked', 401],
  ])('with a client certificate that %s', (_what, clientVerify, status) => {
    it(`answers ${status}`, async () => {
      const changes = clientVerify === undefined ? {} : { clientVerify };
      const text = settings.replace('client_certificate: true', '$&, consumer: optional');
      await inLab(startLab(changes, text), async (lab) => {
        expect(await statusOverTls(lab)).toBe(status);
      });
    });
  });
});

function statusOverTls(lab: GatewayLab): Promise<number | undefined> {
  const subject = name({ CN: 'client-1' });
  const client = { subject, keys: ecKeys(), signature: 'ecdsa-sha256' } as const;
  const { pem, privateKey } = issueCertificate(client, lab.clientAuthority);
  return new Promise((resolve, reject) => {
    httpsRequest({
      ...{ host: '127.0.0.1', port: lab.httpsPort, path: '/', agent: false },
      headers: { Host: 'api.example.com' },
      ca: lab.server.pem,
      checkServerIdentity: () => undefined,
      cert: pem,
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    })
      .on('response', (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
}
