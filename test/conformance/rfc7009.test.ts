import { beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { generatePrivateKey } from '../../src/keys/generate.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { createMemoryRevocations } from '../../src/state/memory-revocations.ts';
import type { Revocation, Revocations } from '../../src/state/revocations.ts';
import { StateError } from '../../src/state/state-error.ts';
import { claims, createTestApp, issueToken, keyRing, now } from '../support/public-app.ts';

const seconds = now / 1000;
let revocations: Revocations;
let entries: Revocation[];
let app: ReturnType<typeof createTestApp>['app'];
let events: ReturnType<typeof createTestApp>['events'];
beforeEach(() => {
  revocations = createMemoryRevocations({ tokensCarrySubject: true, clockSkew: 0 });
  entries = [];
  revocations.onChange((entry) => entries.push(entry));
  ({ app, events } = createTestApp({ revocations }));
});

const as = (user: string) => `Basic ${Buffer.from(`${user}:${user}-secret`).toString('base64')}`;
const revoke = (form: object, user = 'seller') =>
  request(app).post('/revoke').set('Authorization', as(user)).type('form').send(form);
const introspect = async (token: string) => {
  const asked = request(app).post('/introspect').set('Authorization', as('wide')).type('form');
  return (await asked.send({ token })).body;
};

describe('RFC 7009: OAuth 2.0 token revocation', () => {
  it('§2: is a POST of a form', async () => {
    expect((await request(app).get('/revoke')).status).toBe(405);
    const { status, body } = await request(app)
      .post('/revoke')
      .set('Authorization', as('seller'))
      .send({ token: 'x' });
    expect([status, body.error]).toEqual([400, 'invalid_request']);
  });

  it('§2: answers no script of another origin', async () => {
    const { headers } = await revoke({ token: await issueToken() }).set('Origin', 'https://x');
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('§2.1: needs an authenticated client', async () => {
    const { status, body, headers } = await request(app)
      .post('/revoke')
      .type('form')
      .send({ token: await issueToken() });
    expect([status, body.error]).toEqual([401, 'invalid_client']);
    expect(headers['www-authenticate']).toMatch(/^Basic /);
    expect((await revoke({ token: await issueToken() }, 'nobody')).status).toBe(401);
    expect(entries).toEqual([]);
  });

  it('§2.1: takes the secret from the form too, which clashes with nothing that is revoked', async () => {
    const secret = { client_id: 'seller', client_secret: 'seller-secret' };
    const { status } = await request(app)
      .post('/revoke')
      .type('form')
      .send({ ...secret, token: await issueToken() });
    expect(status).toBe(200);
    expect(entries).toHaveLength(1);
  });

  it('§2.1: needs a client that may', async () => {
    const { status, body } = await revoke({ token: await issueToken() }, 'orders');
    expect([status, body.error]).toEqual([403, 'unauthorized_client']);
    expect(events).toMatchObject([{ event: 'client_refused', client: 'orders' }]);
    expect(entries).toEqual([]);
  });

  it('§2.1: needs a token', async () => {
    for (const form of [{}, { token: '' }, { token_type_hint: 'access_token' }]) {
      const { status, body } = await revoke(form);
      expect([status, body.error]).toEqual([400, 'invalid_request']);
    }
  });

  it.each(['access_token', 'refresh_token', 'unheard_of'])(
    '§2.1: the hint %s changes nothing',
    async (hint) => {
      const token = await issueToken();
      expect((await revoke({ token, token_type_hint: hint })).status).toBe(200);
      expect(await introspect(token)).toEqual({ active: false });
    },
  );

  it('§2.1: revokes at once: introspection says no, both ways', async () => {
    const token = await issueToken();
    expect((await introspect(token)).active).toBe(true);
    const { status, text, headers } = await revoke({ token });
    expect([status, text]).toEqual([200, '']);
    expect(headers['cache-control']).toBe('no-store');
    expect(await introspect(token)).toEqual({ active: false });
    const asked = await request(app).get('/introspect').set('Authorization', `Bearer ${token}`);
    expect([asked.status, asked.body]).toEqual([401, { message: 'Token revoked' }]);
    expect(asked.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
  });

  it('§2.1: revokes the token, whatever other text decodes to it, and no other token', async () => {
    await revoke({ token: await issueToken() });
    // ECDSA signs the same claims differently each time.
    expect(await introspect(await issueToken())).toEqual({ active: false });
    expect((await introspect(await issueToken({ ...claims, jti: 'two' }))).active).toBe(true);
  });

  it('§2.1: remembers it for as long as the token lives, and tells the operator no token', async () => {
    const token = await issueToken();
    await revoke({ token });
    expect(entries).toEqual([{ kind: 'token', jti: 'one', until: claims.exp + 60 }]);
    expect(events).toEqual([{ event: 'revoked', client: 'seller', entry: entries[0] }]);
    expect(JSON.stringify(events)).not.toContain(token);
  });

  it('§2.1: a token for others is none to this client: no effect, and no sign that it is good', async () => {
    const token = await issueToken({ ...claims, aud: 'payments' });
    const { status, text } = await revoke({ token });
    expect([status, text]).toEqual([200, '']);
    expect((await introspect(token)).active).toBe(true);
    expect(events).toEqual([
      { event: 'nothing_revoked', client: 'seller', reason: 'wrong_audience' },
    ]);
  });

  it('§2.2: an invalid token is answered like a revoked one, and nothing is kept', async () => {
    const stranger = createKeyRing([await generatePrivateKey('ES256')]);
    const tokens = [
      'opaque',
      'a.b.c',
      await issueToken({ ...claims, exp: seconds - 1 }),
      await issueToken({ ...claims, iss: 'https://other' }),
      await issueToken(claims, stranger),
      (await issueToken()).replace(/[^.]+$/, 'A'.repeat(86)),
      await issueToken({ ...claims, jti: undefined }),
    ];
    for (const token of tokens) {
      const { status, text } = await revoke({ token });
      expect([status, text]).toEqual([200, '']);
    }
    expect(entries).toEqual([]);
  });

  it('§2.2: revoking twice is no error', async () => {
    const token = await issueToken();
    expect((await revoke({ token })).status).toBe(200);
    expect((await revoke({ token })).status).toBe(200);
    expect(entries).toHaveLength(1);
  });

  it('§2.2.1: a store that is down is 503, to be tried again', async () => {
    const broken: Revocations = {
      ...revocations,
      revoke: async () => {
        throw new StateError('/data/state: No space left on device');
      },
    };
    ({ app, events } = createTestApp({ revocations: broken }));
    const { status, body, headers, text } = await revoke({ token: await issueToken() });
    expect([status, body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(headers['retry-after']).toBe('1');
    expect(text).not.toContain('/data');
    expect(events).toMatchObject([{ event: 'revocation_failed', client: 'seller' }]);
  });

  it('a store that was never read is 503 for whoever asks, never active', async () => {
    const unread: Revocations = { ...revocations, isRevoked: () => 'unavailable' };
    ({ app, events } = createTestApp({ revocations: unread }));
    const token = await issueToken();
    for (const path of ['/introspect', '/revoke']) {
      const user = as(path === '/revoke' ? 'seller' : 'wide');
      const asked = request(app).post(path).set('Authorization', user).type('form');
      expect((await asked.send({ token })).status).toBe(503);
    }
    const asked = await request(app).get('/introspect').set('Authorization', `Bearer ${token}`);
    expect([asked.status, asked.headers['www-authenticate']]).toEqual([503, undefined]);
  });
});

describe('revoking more than one token', () => {
  const subject = { revoke_subject: 'alice', revoke_issuer: 'https://idp' };
  const kid = 'retired';

  it('needs a client that may, and single tokens need the other permission', async () => {
    expect((await revoke({ revoke_all: 'true' }, 'seller')).status).toBe(403);
    expect((await revoke({ token: await issueToken() }, 'incident')).status).toBe(403);
    expect(entries).toEqual([]);
  });

  it.each<[object, object]>([
    [subject, { kind: 'subject', issuer: 'https://idp', subject: 'alice' }],
    [{ revoke_client: 'shop' }, { kind: 'client', clientId: 'shop' }],
    [{ revoke_all: 'true' }, { kind: 'all' }],
  ])('%j covers what was issued up to now', async (form, target) => {
    const token = await issueToken();
    const later = await issueToken({ ...claims, iat: seconds + 1, jti: 'later' });
    const { status, text } = await revoke(form, 'incident');
    expect([status, text]).toEqual([200, '']);
    expect(entries).toEqual([{ ...target, upTo: seconds, until: seconds + 7200 }]);
    expect(events).toEqual([{ event: 'revoked', client: 'incident', entry: entries[0] }]);
    expect(await introspect(token)).toEqual({ active: false });
    expect((await introspect(later)).active).toBe(true);
  });

  it('of a key covers what it signed', async () => {
    const [signs, retired] = [keyRing, await generatePrivateKey('ES256')];
    const both = {
      ...signs,
      verificationKey: (id: string) =>
        id === kid
          ? createKeyRing([retired]).verificationKey(retired.kid)
          : signs.verificationKey(id),
    };
    ({ app, events } = createTestApp({ revocations, keyRing: both }));
    const old = createKeyRing([{ ...retired, kid }]);
    const token = await issueToken(claims, old);
    expect((await introspect(token)).active).toBe(true);
    expect((await revoke({ revoke_key: kid }, 'incident')).status).toBe(200);
    expect(await introspect(token)).toEqual({ active: false });
    expect((await introspect(await issueToken())).active).toBe(true);
  });

  it('of the key that signs says what to do instead', async () => {
    const { status, body } = await revoke({ revoke_key: keyRing.signer.kid }, 'incident');
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    expect(body.error_description).toContain('countersign keys rotate --now --compromised');
    expect(entries).toEqual([]);
  });

  it.each([
    [String(seconds - 5), seconds - 5],
    [String(seconds), seconds],
    [new Date(now - 5000).toISOString(), seconds - 5],
    [new Date(now).toISOString().replace('.000Z', '.999-00:01'), undefined],
    [new Date(now - 3_600_000).toISOString().replace('.000Z', '+00:00'), seconds - 3600],
  ])('takes %s as the time up to which', async (issued_until, upTo) => {
    const { status } = await revoke({ revoke_all: 'true', issued_until }, 'incident');
    expect(status).toBe(upTo === undefined ? 400 : 200);
    expect(entries).toEqual(upTo === undefined ? [] : [expect.objectContaining({ upTo })]);
  });

  it.each<[string, object]>([
    ['a time that is yet to come', { revoke_all: 'true', issued_until: String(seconds + 1) }],
    ['no time', { revoke_all: 'true', issued_until: 'yesterday' }],
    ['a time without a zone', { revoke_all: 'true', issued_until: '2026-01-01T00:00:00' }],
    ['a day that is none', { revoke_all: 'true', issued_until: '2026-02-40T00:00:00Z' }],
    ['a subject without its issuer', { revoke_subject: 'alice' }],
    ['an issuer without a subject', { revoke_issuer: 'https://idp', revoke_client: 'shop' }],
    ['everything, perhaps', { revoke_all: 'yes' }],
    ['two things', { revoke_client: 'shop', revoke_all: 'true' }],
    ['a token and a client', { token: 'x', revoke_client: 'shop' }],
    ['a token up to a time', { token: 'x', issued_until: '5' }],
    ['a key that there is not', { revoke_key: 'k0' }],
    ['nothing', {}],
  ])('refuses %s', async (_, form) => {
    const { status, body } = await revoke(form, 'incident');
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    expect(entries).toEqual([]);
  });
});
