import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { claims, createTestApp, issuer, issueToken, now } from '../support/public-app.ts';

const { app } = createTestApp();

const introspect = (token: string, user = 'orders') =>
  request(app)
    .post('/introspect')
    .set('Authorization', `Basic ${Buffer.from(`${user}:${user}-secret`).toString('base64')}`)
    .type('form')
    .send({ token });

describe('RFC 7662: OAuth 2.0 token introspection', () => {
  it('§2.1: a request needs an authenticated client', async () => {
    const { status } = await request(app).post('/introspect').type('form').send({ token: 't' });
    expect(status).toBe(401);
  });

  it('§2.1: the token type hint changes nothing', async () => {
    const { body } = await introspect(await issueToken()).send({
      token_type_hint: 'refresh_token',
    });
    expect(body.active).toBe(true);
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
    ];
    for (const token of tokens) {
      const { body, status } = await introspect(token, 'wide');
      expect(status).toBe(200);
      expect(body).toEqual({ active: false });
    }
  });

  it('§2.3: a client that may not introspect gets an error', async () => {
    const { body, status } = await introspect(await issueToken(), 'revoker');
    expect(status).toBe(403);
    expect(body.error).toBe('unauthorized_client');
  });

  it('§4: a token for another audience is inactive to this client, and active to one for all', async () => {
    const token = await issueToken({ ...claims, aud: 'payments' });
    expect((await introspect(token, 'orders')).body).toEqual({ active: false });
    expect((await introspect(token, 'wide')).body).toMatchObject({ active: true, aud: 'payments' });
  });
});
