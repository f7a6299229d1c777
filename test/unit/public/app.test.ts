import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { createKeyRing } from '../../../src/keys/key-ring.ts';
import {
  claims,
  clientWith,
  createTestApp,
  issuer,
  issueToken,
  keyRing,
  now,
} from '../../support/public-app.ts';

const { app, events } = createTestApp({ jwksPaths: ['/keys', '/introspect'] });
const server: Server = createServer(app);
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

const stranger = createKeyRing([await generatePrivateKey('ES256')]);

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const ordersSecret = basic('orders', 'orders-secret');

/** Sends bytes as they are; supertest would put them right first. */
async function send(...lines: string[]): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(lines.join('\r\n'));
  const answer = await text(socket);
  return answer;
}

describe('the JWKS', () => {
  it.each(['/jwks', '/.well-known/jwks.json', '/keys', '/jwks?x=%zz'])('is at %s', async (path) => {
    const { body, headers, status } = await request(server).get(path);
    expect(status).toBe(200);
    expect(body.keys).toHaveLength(1);
    expect(Object.keys(body.keys[0]).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=300, stale-if-error=86400',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      vary: 'Accept',
    });
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it.each([
    ['application/jwk-set+json', 'application/jwk-set+json'],
    ['application/jwk-set+json, application/json', 'application/jwk-set+json'],
    ['application/json, application/jwk-set+json;q=0.5', 'application/json'],
    ['*/*', 'application/json'],
    ['text/html', 'application/json'],
    [';;;,,,', 'application/json'],
  ])('answers Accept: %s with %s', async (accept, type) => {
    const { headers } = await request(server).get('/jwks').set('Accept', accept);
    expect(headers['content-type']).toBe(type);
  });

  it('has a strong tag that differs between its two types', async () => {
    const json = await request(server).get('/jwks');
    const jwkSet = await request(server).get('/jwks').set('Accept', 'application/jwk-set+json');
    expect(json.headers['etag']).toMatch(/^"[\w-]{43}"$/);
    expect(jwkSet.headers['etag']).not.toBe(json.headers['etag']);
  });

  it.each([
    ['the tag', (tag: string) => tag, 304],
    ['the weak tag', (tag: string) => `W/${tag}`, 304],
    ['a list with it', (tag: string) => `"a", ${tag}, "b"`, 304],
    ['*', () => '*', 304],
    ['another tag', () => '"a"', 200],
    ['garbage', () => '""",,"', 200],
  ])('answers If-None-Match with %s', async (_, header, status) => {
    const first = await request(server).get('/jwks');
    const tag = String(first.headers['etag']);
    const again = await request(server).get('/jwks').set('If-None-Match', header(tag));
    expect(again.status).toBe(status);
    expect(again.headers).toMatchObject({ etag: tag, 'access-control-allow-origin': '*' });
    expect(again.text).toBe(status === 304 ? '' : first.text);
  });

  it('answers HEAD like GET, without the body', async () => {
    const get = await request(server).get('/jwks');
    const head = await request(server).head('/jwks');
    expect(head.status).toBe(200);
    expect(head.text).toBeUndefined();
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect(head.headers['etag']).toBe(get.headers['etag']);
  });

  it('lets a browser ask first', async () => {
    const { headers, status } = await request(server)
      .options('/jwks')
      .set({ Origin: 'https://jwt.io', 'Access-Control-Request-Method': 'GET' });
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      allow: 'GET, HEAD, OPTIONS',
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD',
    });
  });

  it('shows the keys that are there when it is asked', async () => {
    const changing = { ...keyRing, publicKeys: [...keyRing.publicKeys] };
    const { app } = createTestApp({ keyRing: changing });
    const before = await request(app).get('/jwks');
    changing.publicKeys = [...changing.publicKeys, ...stranger.publicKeys];
    const after = await request(app)
      .get('/jwks')
      .set('If-None-Match', String(before.get('ETag')));
    expect(before.body).toEqual({ keys: keyRing.publicKeys });
    expect(after.body).toEqual({ keys: changing.publicKeys });
  });

  it('is empty when only an HMAC key signs', async () => {
    const hmac = createTestApp({ keyRing: createKeyRing([await generatePrivateKey('HS256')]) });
    const { body, status } = await request(hmac.app).get('/jwks');
    expect(status).toBe(200);
    expect(body).toEqual({ keys: [] });
  });
});

describe('other requests', () => {
  it.each([
    '/',
    '/JWKS',
    '/jwks/',
    '//jwks',
    '/%6awks',
    '/%',
    '/%zz%c0%ae',
    '/jwks/..',
    '/jwks;a',
    '/a'.repeat(2000),
    '/__proto__',
  ])('are 404 at %.30s', async (path) => {
    const answer = await send(`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close', '', '');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/i);
    expect(answer).toContain('{"type":"about:blank","title":"Not Found","status":404}');
    expect(answer).not.toMatch(/access-control-allow-origin/i);
  });

  it.each([
    ['PUT', '/jwks', 'GET, HEAD, OPTIONS'],
    ['POST', '/.well-known/openid-configuration', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/introspect', 'GET, HEAD, POST, OPTIONS'],
  ])('are 405 with what is allowed: %s %s', async (method, path, allow) => {
    const answer = await send(`${method} ${path} HTTP/1.1`, 'Host: x', 'Connection: close', '', '');
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer).toContain(`\r\nAllow: ${allow}\r\n`);
    expect(answer).toContain('"status":405');
  });

  it('may name the whole URL, as a proxy does', async () => {
    const line = 'GET http://gw.example.com/jwks?x HTTP/1.1';
    expect(await send(line, 'Host: x', 'Connection: close', '', '')).toMatch(/^HTTP\/1\.1 200 /);
    const odd = 'GET http://[:/jwks HTTP/1.1';
    expect(await send(odd, 'Host: x', 'Connection: close', '', '')).toMatch(/^HTTP\/1\.1 [24]/);
  });

  it('are never a server error, whatever their length claims', async () => {
    const head = ['POST /introspect HTTP/1.1', 'Host: x', 'Connection: close'];
    const form = 'Content-Type: application/x-www-form-urlencoded';
    const length = `Content-Length: ${2 ** 30}`;
    const answers = await Promise.all([
      send(...head, 'Content-Length: 7', '', 'token=t'),
      send(...head, form, 'Content-Length: x', '', ''),
      send(...head, form, 'Content-Length: -1', '', ''),
      send(...head, form, 'Content-Length: 1', 'Content-Length: 2', '', 'ab'),
      send(...head, form, length, '', 'a'),
      send(...head, form, 'Transfer-Encoding: chunked', '', 'zz', ''),
      send(...head, form, 'Transfer-Encoding: chunked', '', '11000', 'a'.repeat(0x11000)),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  it('that fail here are logged, and told nothing', async () => {
    const broken = createTestApp({
      verify: () => Promise.reject(new Error('secret detail')),
    });
    const answer = await request(broken.app)
      .get('/introspect')
      .set('Authorization', 'Bearer a.b.c');
    expect(answer.status).toBe(500);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.text).not.toContain('secret detail');
    expect(broken.events).toMatchObject([{ event: 'unexpected_error' }]);
  });
});

describe('an issuer with a path', () => {
  const withPath = createTestApp({ issuer: 'https://gw.example.com/x/', jwksPaths: ['/keys'] });

  it.each([
    '/jwks',
    '/x/jwks',
    '/x/.well-known/jwks.json',
    '/x/keys',
    '/x/.well-known/oauth-authorization-server',
    '/x/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/x',
    '/.well-known/openid-configuration/x',
  ])('is served at %s', async (path) => {
    expect((await request(withPath.app).get(path)).status).toBe(200);
  });

  it.each(['/x/introspect', '/introspect'])('introspects at %s', async (path) => {
    const { status } = await request(withPath.app)
      .post(path)
      .set('Authorization', ordersSecret)
      .type('form')
      .send({ token: 't' });
    expect(status).toBe(200);
  });

  it('names its URLs without a double slash', async () => {
    const { body } = await request(withPath.app).get('/.well-known/oauth-authorization-server/x');
    expect(body).toMatchObject({
      issuer: 'https://gw.example.com/x/',
      jwks_uri: 'https://gw.example.com/x/jwks',
      introspection_endpoint: 'https://gw.example.com/x/introspect',
    });
  });
});

describe('the check of a bearer token', () => {
  const check = (authorization: string, query = '') =>
    request(server).get(`/introspect${query}`).set('Authorization', authorization);

  it.each(['Bearer', 'bearer', 'BEARER'])('says Ok to a good one (%s)', async (scheme) => {
    const { body, headers, status } = await check(`${scheme} ${await issueToken()}`);
    expect(status).toBe(200);
    expect(body).toEqual({ message: 'Ok' });
    expect(headers['cache-control']).toBe('no-store');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  const expired = { ...claims, exp: now / 1000 };
  const noCredentials = { message: "No credentials found for given 'client_id'" };
  const cases: [string, () => Promise<string>, object][] = [
    [
      'a wrong signature',
      async () => (await issueToken()).replace(/[^.]+$/, 'A'.repeat(86)),
      { message: 'Invalid signature' },
    ],
    ['an expired one', () => issueToken(expired), { exp: 'token expired' }],
    ['another issuer', () => issueToken({ ...claims, iss: 'https://other' }), noCredentials],
    ['a key that is not ours', () => issueToken(claims, stranger), noCredentials],
    ['what is no JWT', async () => 'opaque', { message: 'Unauthorized' }],
  ];
  it.each(cases)('answers 401 to %s', async (_, token, body) => {
    const answer = await check(`Bearer ${await token()}`);
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual(body);
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
  });

  it.each([
    ['?aud=orders', 200],
    ['?aud=orders&aud=stock', 200],
    ['?aud=payments', 401],
    ['?aud=orders&aud=payments', 401],
    ['?aud=', 401],
    ['?other=1', 200],
  ])('with %s is %i', async (query, status) => {
    expect((await check(`Bearer ${await issueToken()}`, query)).status).toBe(status);
  });

  it.each([[{}], [{ Authorization: ordersSecret }], [{ Authorization: 'Bearer' }]])(
    'asks for a token when there is none (%j)',
    async (headers) => {
      const answer = await request(server).get('/introspect?access_token=a.b.c').set(headers);
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual({ message: 'Unauthorized' });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    },
  );

  it('refuses two Authorization headers, also when both are good', async () => {
    const line = `Authorization: Bearer ${await issueToken()}`;
    const head = ['GET /introspect HTTP/1.1', 'Host: x', 'Connection: close'];
    expect(await send(...head, line, '', '')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await send(...head, line, line, '', '')).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('client authentication', () => {
  const introspect = (authorization?: string, form: object = {}) => {
    const post = request(server).post('/introspect').type('form');
    return (authorization ? post.set('Authorization', authorization) : post).send({
      token: 't',
      ...form,
    });
  };

  it.each([
    ['Basic', ordersSecret, {}],
    ['Basic in small letters', ordersSecret.replace('Basic', 'basic'), {}],
    ['Basic with the same client_id in the form', ordersSecret, { client_id: 'orders' }],
    ['form-encoded names and secrets', basic('a%3Ab+c', 'p%2B%3A%25+d'), {}],
    ['a slow hash', basic('slow', 'slow-secret'), {}],
    ['the form', undefined, { client_id: 'orders', client_secret: 'orders-secret' }],
    ['the form, with any characters', undefined, { client_id: 'a:b c', client_secret: 'p+:% d' }],
  ])('works with %s', async (_, authorization, form) => {
    const answer = await introspect(authorization, form);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ active: false });
  });

  it.each([
    ['nothing', undefined, {}],
    ['a wrong secret', basic('orders', 'wrong'), {}],
    ['an empty secret', basic('orders', ''), {}],
    ['an unknown client', basic('nobody', 'orders-secret'), {}],
    ['a client without a secret', basic('public', ''), {}],
    ['a client without a secret, and any secret', basic('public', 'x'), {}],
    ['a wrong secret for a slow hash', basic('slow', 'wrong'), {}],
    ['a bad escape', basic('orders%', 'orders-secret'), {}],
    ['no colon', `Basic ${Buffer.from('orders').toString('base64')}`, {}],
    ['a broken encoding', 'Basic !!!', {}],
    ['another scheme', 'Bearer orders-secret', {}],
    ['a wrong secret in the form', undefined, { client_id: 'orders', client_secret: 'wrong' }],
    ['no secret in the form', undefined, { client_id: 'orders' }],
    ['__proto__', basic('__proto__', 'x'), {}],
  ])('fails with %s', async (_, authorization, form) => {
    const answer = await introspect(authorization, form);
    expect(answer.status).toBe(401);
    expect(answer.body.error).toBe('invalid_client');
    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Basic realm="countersign"',
      'cache-control': 'no-store',
    });
  });

  it.each([
    ['two ways at once', ordersSecret, { client_secret: 'orders-secret' }],
    ['two clients', ordersSecret, { client_id: 'wide' }],
  ])('is a bad request with %s', async (_, authorization, form) => {
    const answer = await introspect(authorization, form);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe('invalid_request');
  });

  it('refuses two Authorization headers', async () => {
    const answer = await send(
      'POST /introspect HTTP/1.1',
      'Host: x',
      'Connection: close',
      'Content-Type: application/x-www-form-urlencoded',
      'Content-Length: 7',
      `Authorization: ${ordersSecret}`,
      `Authorization: ${ordersSecret}`,
      '',
      'token=t',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('costs one slow check, whoever fails', async () => {
    const checked: string[] = [];
    const slow = createTestApp({
      verifyPassword: async (_hash, password) => {
        checked.push(password);
        return false;
      },
    });
    for (const user of ['orders', 'slow', 'nobody', 'public']) {
      const authorization = basic(user, `wrong-${user}`);
      await request(slow.app)
        .post('/introspect')
        .set({ authorization })
        .type('form')
        .send('token=t');
    }
    expect(checked).toEqual(['wrong-orders', 'wrong-slow', 'wrong-nobody', 'wrong-public']);
  });

  it.each(['slow', 'nobody'])('asks to come back when too many are checked (%s)', async (user) => {
    const busy = createTestApp({ verifyPassword: async () => 'overloaded' });
    const answer = await request(busy.app)
      .post('/introspect')
      .set('Authorization', basic(user, 'slow-secret'))
      .type('form')
      .send('token=t');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.body.error).toBe('temporarily_unavailable');
  });

  it('logs refusals with the names of clients that exist, and no secret', async () => {
    events.length = 0;
    await introspect(basic('revoker', 'revoker-secret'));
    await introspect(basic('nobody', 'topsecret'));
    expect(events).toMatchObject([
      { event: 'client_refused', client: 'revoker', error: 'unauthorized_client' },
      { event: 'client_refused', client: undefined, error: 'invalid_client' },
    ]);
    expect(JSON.stringify(events)).not.toMatch(/topsecret|nobody/);
  });

  it('is not set up with a hash that is none', () => {
    const client = clientWith({ id: 'c', secretSha256: 'abc' });
    expect(() => createTestApp({ clients: [client] })).toThrow(TypeError);
  });
});

describe('the form of an introspection', () => {
  const post = (body: string, type = 'application/x-www-form-urlencoded', query = '') =>
    request(server)
      .post(`/introspect${query}`)
      .set('Authorization', ordersSecret)
      .set('Content-Type', type)
      .send(body);
  const form = 'application/x-www-form-urlencoded';

  it.each([
    form,
    'Application/X-WWW-Form-Urlencoded',
    `${form}; charset=UTF-8`,
    `${form};charset="utf-8"`,
    `${form};`,
  ])('may be of type %s', async (type) => {
    expect((await post('token=t', type)).status).toBe(200);
  });

  it.each([
    ['JSON', '{"token":"t"}', 'application/json', ''],
    ['of plain text', 'token=t', 'text/plain', ''],
    ['of no such type', 'token=t', 'x', ''],
    ['of another charset', 'token=t', `${form}; charset=utf-16`, ''],
    ['with a parameter twice', 'token=t&token=t', form, ''],
    ['with an unknown parameter twice', 'token=t&x=1&x=2', form, ''],
    ['without a token', 'token_type_hint=access_token', form, ''],
    ['with an empty token', 'token=', form, ''],
    ['empty', '', form, ''],
    ['beside parameters in the URL', 'token=t', form, '?token=t'],
  ])('is a bad request when %s', async (_, body, type, query) => {
    const answer = await post(body, type, query);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe('invalid_request');
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('is refused beyond 64 KiB', async () => {
    const answer = await post(`token=${'t'.repeat(65_536)}`);
    expect(answer.status).toBe(413);
    expect(answer.body.error).toBe('invalid_request');
  });

  it('is refused when it is compressed', async () => {
    const answer = await post('token=t').set('Content-Encoding', 'gzip');
    expect(answer.status).toBe(415);
  });

  it('with an unusable token is answered as inactive', async () => {
    for (const token of ['%00', '%ff', 'a.b.c', 'x'.repeat(60_000)]) {
      expect((await post(`token=${token}`)).body).toEqual({ active: false });
    }
  });
});

describe('metadata', () => {
  it('may be read from any origin, and cached', async () => {
    const { headers } = await request(server).get('/.well-known/oauth-authorization-server');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    });
    expect(headers['etag']).toMatch(/^"/);
  });

  it('is not changed by the Host header', async () => {
    const { body } = await request(server)
      .get('/.well-known/openid-configuration')
      .set({ Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' });
    expect(body.jwks_uri).toBe(`${issuer}/jwks`);
  });
});
