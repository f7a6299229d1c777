import { describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import request from 'supertest';
import { generatePrivateKey } from '../../src/keys/generate.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { claims, createTestApp, issuer, issueToken, keyRing, now } from '../support/public-app.ts';
import { startService, type TestService } from '../support/service.ts';

const signed = 'application/token-introspection+jwt';
const { app } = createTestApp();
const hmac = createTestApp({ keyRing: createKeyRing([await generatePrivateKey('HS256')]) });

function introspect(token: string, accept: string, user = 'orders', to = app) {
  return request(to)
    .post('/introspect')
    .auth(user, `${user}-secret`)
    .set('Accept', accept)
    .type('form')
    .send({ token });
}

const keys = createLocalJWKSet({ keys: keyRing.publicKeys } as JSONWebKeySet);
const verify = (jwt: string, audience = 'orders') =>
  jwtVerify(jwt, keys, {
    issuer,
    audience,
    algorithms: ['ES256'],
    typ: 'token-introspection+jwt',
    currentDate: new Date(now),
  });

describe('RFC 9701: a signed answer to token introspection', () => {
  it('§5: is a JWT for the client that asked, with the answer of RFC 7662 in it', async () => {
    const { text, headers, status } = await introspect(await issueToken(), signed);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': signed, 'cache-control': 'no-store' });
    expect((await verify(text)).payload).toEqual({
      iss: issuer,
      aud: 'orders',
      iat: now / 1000,
      token_introspection: { ...claims, active: true, token_type: 'Bearer' },
    });
    expect(decodeProtectedHeader(text)).toEqual({
      alg: 'ES256',
      kid: keyRing.signer.kid,
      typ: 'token-introspection+jwt',
    });
  });

  it('§5: says of a token that is bad, or for others, only that it is not active', async () => {
    const elsewhere = await issueToken({ ...claims, aud: 'payments' });
    for (const token of ['opaque', elsewhere]) {
      const { payload } = await verify((await introspect(token, signed)).text);
      expect(payload['token_introspection']).toEqual({ active: false });
      expect(payload).not.toHaveProperty('sub');
      expect(payload).not.toHaveProperty('exp');
    }
  });

  it('§5: names the client that asked, so that no other can be given the answer', async () => {
    const { text } = await introspect(await issueToken(), signed, 'wide');
    expect((await verify(text, 'wide')).payload.aud).toBe('wide');
    await expect(verify(text, 'orders')).rejects.toThrow('"aud"');
  });

  it('keeps integers as the token has them', async () => {
    const json = `{"iss":"${issuer}","aud":"orders","exp":${now / 1000 + 60},"n":12345678901234567890}`;
    const { text } = await introspect(await issueToken(json), signed);
    const payload = Buffer.from(text.split('.')[1] ?? '', 'base64url').toString();
    expect(payload).toContain('"n":12345678901234567890');
  });

  it.each([
    ['application/json', 'application/json'],
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    [`${signed}, application/json`, signed],
    [`application/json, ${signed}`, 'application/json'],
    [`application/json;q=0.5, ${signed}`, signed],
    [`${signed};q=0.1, application/json`, 'application/json'],
    [`${signed};q=0, */*`, 'application/json'],
    ['APPLICATION/Token-Introspection+JWT', signed],
  ])('§4, RFC 9110 §12.5.1: Accept: %s is answered with %s', async (accept, type) => {
    const { headers, status } = await introspect('t', accept);
    expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type });
  });

  it('answers JSON where there is no Accept at all', async () => {
    const post = request(app).post('/introspect').auth('orders', 'orders-secret').type('form');
    const { headers } = await post.unset('Accept').send({ token: 't' });
    expect(headers['content-type']).toBe('application/json');
  });

  it.each(['text/html', 'application/jwt', `${signed};q=0`])(
    'RFC 9110 §15.5.7: is not acceptable as %s',
    async (accept) => {
      const { body, status } = await introspect(await issueToken(), accept);
      expect({ status, error: body.error }).toEqual({ status: 406, error: 'invalid_request' });
    },
  );

  it('is never answered unsigned instead: an HMAC key could be verified by nobody', async () => {
    const only = await introspect('t', signed, 'orders', hmac.app);
    expect({ status: only.status, error: only.body.error }).toEqual({
      status: 406,
      error: 'invalid_request',
    });
    const either = await introspect('t', `${signed}, application/json;q=0.1`, 'orders', hmac.app);
    expect(either.headers['content-type']).toBe('application/json');
  });

  it('§7: metadata names the algorithm, where there is one', async () => {
    const read = async (to: typeof app) =>
      (await request(to).get('/.well-known/oauth-authorization-server')).body;
    expect(await read(app)).toMatchObject({
      introspection_signing_alg_values_supported: ['ES256'],
    });
    expect(await read(hmac.app)).not.toHaveProperty('introspection_signing_alg_values_supported');
  });

  it('is for authenticated clients only, whatever they accept', async () => {
    const answer = await introspect(await issueToken(), signed, 'nobody');
    expect({ status: answer.status, error: answer.body.error }).toEqual({
      status: 401,
      error: 'invalid_client',
    });
  });
});

describe('RFC 9701 §8.1: a signed answer is no access token', () => {
  /** As bad as could be: it has all that an access token has. */
  async function answerLikeToken(): Promise<string> {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const { alg, kid, sign } = keyRing.signer;
    const header = { alg, kid, typ: 'application/Token-Introspection+JWT' };
    const input = `${encode(header)}.${encode({ ...claims, token_introspection: {} })}`;
    return `${input}.${await sign(input)}`;
  }

  it('is inactive to introspection', async () => {
    const real = (await introspect(await issueToken(), signed)).text;
    for (const jwt of [real, await answerLikeToken()]) {
      expect((await introspect(jwt, 'application/json', 'wide')).text).toBe('{"active":false}');
    }
  });

  it('is refused by GET /introspect', async () => {
    const real = (await introspect(await issueToken(), signed)).text;
    for (const jwt of [real, await answerLikeToken()]) {
      const check = request(app).get('/introspect').set('Authorization', `Bearer ${jwt}`);
      expect((await check).status).toBe(401);
    }
    const token = await issueToken();
    const check = request(app).get('/introspect').set('Authorization', `Bearer ${token}`);
    expect((await check).status).toBe(200);
  });

  describe('as a bearer credential', () => {
    const service = (bearer: string) =>
      startService(`
issuer: https://next.example.com
gateways: { nginx: {} }
credentials: [{ bearer: { client_id: client_id, ${bearer} } }]
token: { audience: x }
`);
    const ask = async ({ ask }: TestService, jwt: string) =>
      (
        await ask('/auth/nginx', [
          ...['X-Original-Method', 'GET', 'X-Original-URL', 'https://a.example/'],
          ...['Authorization', `Bearer ${jwt}`],
        ])
      ).status;

    it('is refused where the gateway is trusted, and a token is not', async () => {
      const trusting = await service('trust: gateway, exp: optional');
      const alive = { ...claims, iat: 0, exp: 4_000_000_000 };
      const real = (await introspect(await issueToken(), signed)).text;
      expect(await ask(trusting, real)).toBe(401);
      expect(trusting.decisions).toMatchObject([{ allowed: false, reason: 'wrong_type' }]);
      expect(await ask(trusting, await issueToken(alive))).toBe(200);
      await trusting.close();
    });

    it('cannot be allowed by a configuration', async () => {
      const types = "['Application/Token-Introspection+jwt']";
      const verify = `verify: { issuer: '${issuer}', audiences: any, types: ${types} }`;
      await expect(service(verify)).rejects.toThrow('never access tokens');
    });
  });
});
