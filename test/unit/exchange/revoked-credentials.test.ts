import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  claimsOf,
  nginxHeaders,
  send,
  startService,
  type TestService,
  unsignedJwt,
} from '../../support/service.ts';

/** What a revocation does to decisions: the whole service, in this process. */

const started: TestService[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.close()));
});

const issuer = 'https://countersign.example.com';
async function start(rest: string, credentials = '[{ bearer: { trust: gateway } }]') {
  const sha256 = createHash('sha256').update('secret').digest('hex');
  const service = await startService(`
issuer: ${issuer}
gateways: { nginx: {} }
credentials: ${credentials}
clients:
  - { id: incident, secret_sha256: ${sha256}, may: [introspect, revoke, revoke-any], audiences: any }
${rest}
`);
  started.push(service);
  return service;
}

const post = async ({ publicPort }: TestService, path: string, form: Record<string, string>) => {
  const headers = [
    ...['Authorization', `Basic ${Buffer.from('incident:secret').toString('base64')}`],
    ...['Content-Type', 'application/x-www-form-urlencoded'],
  ];
  const body = new URLSearchParams(form).toString();
  const length = ['Content-Length', String(body.length)];
  const all = [...headers, ...length];
  return send({ port: publicPort, path, method: 'POST', headers: all, body });
};
const revoke = async (service: TestService, form: Record<string, string>) =>
  expect((await post(service, '/revoke', form)).status).toBe(200);
const isActive = async (service: TestService, token: string) =>
  JSON.parse((await post(service, '/introspect', { token })).body).active;

async function ask(service: TestService, authorization: string) {
  const headers = [...nginxHeaders(), 'Authorization', authorization];
  const { status, headers: got } = await service.ask('/auth/nginx', headers);
  const decision = service.decisions.at(-1);
  const reason = decision?.allowed === false ? decision.reason : 'allowed';
  return { status, reason, token: String(got['x-custom-jwt']), challenge: got['www-authenticate'] };
}

const now = () => Math.floor(Date.now() / 1000);
const bearer = (claims: object = {}) => {
  const usual = { iss: 'https://idp', sub: 'alice', clientId: 'shop', exp: now() + 600 };
  return `Bearer ${unsignedJwt({ ...usual, iat: now() - 60, ...claims })}`;
};
const basic = (user: string) => `Basic ${Buffer.from(`${user}:pw`).toString('base64')}`;
const audience = 'token: { audience: a }';

describe('a revoked token', () => {
  it('is not handed out again; the credential, which was not revoked, gets another', async () => {
    const service = await start(audience);
    const first = await ask(service, bearer());
    expect((await ask(service, bearer())).token).toBe(first.token);
    await revoke(service, { token: first.token });
    const second = await ask(service, bearer());
    expect(second.status).toBe(200);
    expect(claimsOf(second.token)['jti']).not.toBe(claimsOf(first.token)['jti']);
    expect(await isActive(service, first.token)).toBe(false);
    expect(await isActive(service, second.token)).toBe(true);
  });

  it('is no credential either, where this service is its own bearer issuer', async () => {
    const service = await start('token: { audience: a, copy: all, reuse: off }');
    const own = { iss: issuer, jti: 'own', clientId: 'shop' };
    expect((await ask(service, bearer(own))).status).toBe(200);
    const { token } = await ask(service, bearer({ iss: 'https://idp' }));
    const { jti } = claimsOf(token);
    await revoke(service, { token });
    expect(await ask(service, bearer({ ...own, jti }))).toMatchObject({
      status: 401,
      reason: 'revoked',
    });
    // The same name at another issuer is another token.
    expect((await ask(service, bearer({ jti }))).status).toBe(200);
  });
});

describe('a rule', () => {
  const subject = { revoke_subject: 'alice', revoke_issuer: 'https://idp' };

  it.each<[string, Record<string, string>]>([
    ['a subject', subject],
    ['a client', { revoke_client: 'shop' }],
    ['everything', { revoke_all: 'true' }],
  ])('about %s ends its tokens and its bearer credentials', async (_, form) => {
    const service = await start(audience);
    const { token } = await ask(service, bearer());
    await revoke(service, form);
    expect(await isActive(service, token)).toBe(false);
    const again = await ask(service, bearer());
    expect(again).toMatchObject({ status: 401, reason: 'revoked' });
    expect(again.challenge).toMatch(/^Bearer .*error="invalid_token"/);
    expect(await ask(service, bearer({ iat: undefined }))).toMatchObject({ reason: 'revoked' });
  });

  it('lets in whoever logs in again, after the clock skew that issuers are allowed', async () => {
    const service = await start(audience);
    await revoke(service, subject);
    expect(await ask(service, bearer({ iat: now() + 4 }))).toMatchObject({ reason: 'revoked' });
    service.advance(10);
    const { status, token } = await ask(service, bearer({ iat: now() + 10 }));
    expect(status).toBe(200);
    expect(await isActive(service, token)).toBe(true);
  });

  it('spares other subjects, and the same name at another issuer', async () => {
    const service = await start(audience);
    await revoke(service, subject);
    expect((await ask(service, bearer({ sub: 'bob' }))).status).toBe(200);
    expect((await ask(service, bearer({ iss: 'https://other' }))).status).toBe(200);
  });

  it('does not refuse a password, and what it gets is good from the start', async () => {
    const service = await start(audience, '[{ basic: { trust: gateway } }]');
    const before = await ask(service, basic('bob'));
    await revoke(service, { revoke_client: 'bob' });
    const after = await ask(service, basic('bob'));
    expect(after.status).toBe(200);
    expect(await isActive(service, before.token)).toBe(false);
    expect(await isActive(service, after.token)).toBe(true);
    expect((await ask(service, basic('bob'))).token).toBe(after.token);
  });

  it.each(['copy: none', 'drop: [sub]', 'claims: { sub: client_id }', 'copy: [clientId]'])(
    'about a subject ends all tokens where they do not carry it (%s)',
    async (setting) => {
      const service = await start(`token: { audience: a, ${setting} }`);
      const { token } = await ask(service, bearer());
      await revoke(service, { ...subject, revoke_subject: 'somebody' });
      expect(await isActive(service, token)).toBe(false);
      expect((await ask(service, bearer())).status).toBe(200);
    },
  );

  it('is written to the log, with who made it', async () => {
    const service = await start(audience);
    await revoke(service, subject);
    const { logged } = service;
    expect(logged.filter(({ message }) => message === 'revoked')).toMatchObject([
      { fields: { client: 'incident', kind: 'subject', issuer: 'https://idp', subject: 'alice' } },
    ]);
  });
});
