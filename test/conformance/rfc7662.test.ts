import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { generatePrivateKey } from '../../src/keys/generate.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { claims, createTestApp, issuer, issueToken, now } from '../support/public-app.ts';

const { app } = createTestApp();
const stranger = createKeyRing([await generatePrivateKey('ES256')]);

const post = (user = 'orders') =>
  request(app)
    .post('/introspect')
    .set('Authorization', `Basic ${Buffer.from(`${user}:${user}-secret`).toString('base64')}`)
    .type('form');
const introspect = (token: string, user?: string) => post(user).send({ token });

describe('RFC 7662: OAuth 2.0 token introspection', () => {
  it('§2.1: a request needs an authenticated client', async () => {
    const { status } = await request(app).post('/introspect').type('form').send({ token: 't' });
    expect(status).toBe(401);
  });

  it.each(['access_token', 'refresh_token', 'urn:example:unheard-of'])(
    '§2.1: the token type hint %s changes nothing',
    async (token_type_hint) => {
      const { body } = await introspect(await issueToken()).send({ token_type_hint });
      expect(body).toEqual({ ...claims, active: true, token_type: 'Bearer' });
    },
  );

  it.each(['token', 'token_type_hint', 'client_id', 'client_assertion', 'unheard_of'])(
    '§2.1, RFC 6749 §3.2: a parameter that comes twice is an invalid request (%s)',
    async (name) => {
      const token = await issueToken();
      const twice = name === 'token' ? `token=${token}` : `${name}=orders&${name}=orders`;
      const { body, status } = await post().send(`token=${token}&${twice}`);
      expect(status).toBe(400);
      expect(body.error).toBe('invalid_request');
    },
  );

  it('§2.1: parameters are taken from the body of a POST, and from nowhere else', async () => {
    const token = await issueToken();
    const authorization = `Basic ${Buffer.from('orders:orders-secret').toString('base64')}`;
    const inUrl = await request(app).get(`/introspect?token=${token}`).set({ authorization });
    expect({ status: inUrl.status, body: inUrl.body }).toEqual({
      status: 401,
      body: { message: 'Unauthorized' },
    });
    const both = request(app).post(`/introspect?token=${token}`).set({ authorization });
    expect((await both.type('form').send({ token })).body.error).toBe('invalid_request');
    const json = await request(app).post('/introspect').set({ authorization }).send({ token });
    expect(json.body.error).toBe('invalid_request');
  });

  it('§2.2: an active token comes with all its claims, as JSON that is not kept', async () => {
    const { body, headers, status } = await introspect(await issueToken());
    expect(status).toBe(200);
    expect(body).toEqual({ ...claims, active: true, token_type: 'Bearer' });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
  });

  it('§2.2: integers come out as the token has them', async () => {
    const json = `{"iss":"${issuer}","aud":"orders","exp":${now / 1000 + 60},"n":12345678901234567890}`;
    const { text } = await introspect(await issueToken(json));
    expect(text).toContain('"n":12345678901234567890');
  });

  it('§2.2: an inactive token is {active:false} and nothing else', async () => {
    const tokens = [
      'opaque',
      await issueToken({ ...claims, exp: now / 1000 - 1 }),
      await issueToken({ ...claims, iss: 'https://other' }),
      (await issueToken()).replace(/[^.]+$/, 'A'.repeat(86)),
      await issueToken(claims, stranger),
      `${await issueToken()} `,
    ];
    for (const token of tokens) {
      const { text, status, headers } = await introspect(token, 'wide');
      expect({ status, text }).toEqual({ status: 200, text: '{"active":false}' });
      expect(headers['content-type']).toBe('application/json');
    }
  });

  it('§2.3: a client that may not introspect gets an error', async () => {
    const { body, status } = await introspect(await issueToken(), 'revoker');
    expect(status).toBe(403);
    expect(body.error).toBe('unauthorized_client');
  });

  it('§4: a token for another audience is inactive to this client, and active to one for all', async () => {
    const token = await issueToken({ ...claims, aud: 'payments' });
    expect((await introspect(token, 'orders')).text).toBe('{"active":false}');
    expect((await introspect(token, 'wide')).body).toMatchObject({ active: true, aud: 'payments' });
  });
});
