import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { exportJWK, type JWTPayload, SignJWT } from 'jose';
import request from 'supertest';
import { createFileKeys } from '../../src/issuers/file-keys.ts';
import { assertionAlgorithms } from '../../src/public/client-assertion.ts';
import { clients, clientWith, createTestApp, issuer, now } from '../support/public-app.ts';

const seconds = now / 1000;
const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const log = { info() {}, warn() {} };

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const second = generateKeyPairSync('rsa', { modulusLength: 2048 });
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });

async function keysOf(...keys: readonly (readonly [KeyObject, object])[]) {
  const jwks = await Promise.all(
    keys.map(async ([key, more]) => ({ ...(await exportJWK(key)), ...more })),
  );
  return createFileKeys({
    text: JSON.stringify({ keys: jwks }),
    algorithms: assertionAlgorithms,
    log,
  });
}

const signing = clientWith({
  id: 'signing',
  keys: await keysOf(
    [pair.publicKey, { kid: 'e1', alg: 'ES256' }],
    [second.publicKey, { kid: 'r1', alg: 'PS256' }],
  ),
});
const other = clientWith({ id: 'other', keys: await keysOf([foreign.publicKey, { kid: 'e1' }]) });

/** A service of its own for each test: it remembers what it has seen. */
const createApp = (clock = () => now) =>
  createTestApp({ clients: [...clients, signing, other], now: clock });
type TestApp = ReturnType<typeof createApp>;

const usual = () => ({
  iss: 'signing',
  sub: 'signing',
  aud: issuer,
  exp: seconds + 60,
  iat: seconds,
  jti: randomUUID(),
});

interface Signing {
  readonly key?: KeyObject | Uint8Array;
  readonly header?: object;
}

/** Each claim can be replaced; undefined leaves it out. */
function sign(claims: object = {}, { key = pair.privateKey, header = {} }: Signing = {}) {
  const payload = JSON.parse(JSON.stringify({ ...usual(), ...claims })) as JWTPayload;
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'e1', ...header }).sign(key);
}

function send({ app }: TestApp, form: object, authorization?: string) {
  const post = request(app).post('/introspect').type('form');
  return (authorization ? post.set('Authorization', authorization) : post).send({
    token: 't',
    ...form,
  });
}

const authenticate = (to: TestApp, client_assertion: string, form: object = {}) =>
  send(to, { client_assertion_type: jwtBearer, client_assertion, ...form });

async function statusOf(assertion: string, form: object = {}): Promise<number> {
  return (await authenticate(createApp(), assertion, form)).status;
}

/** @returns what the log says about an assertion, of which the client learns nothing */
async function detailOf(assertion: string): Promise<unknown> {
  const to = createApp();
  const { status, body } = await authenticate(to, assertion);
  expect({ status, body }).toEqual({
    status: 401,
    body: { error: 'invalid_client', error_description: 'Client authentication failed' },
  });
  expect(to.events).toHaveLength(1);
  return to.events.map((event) => 'detail' in event && event.detail)[0];
}

describe('RFC 7523: client authentication by a signed assertion', () => {
  it('§2.2: the client signs, and needs no secret', async () => {
    const answer = await authenticate(createApp(), await sign());
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { active: false },
    });
  });

  it.each([
    ['without typ', {}],
    ['of type JWT', { typ: 'JWT' }],
    ['of type client-authentication+jwt', { typ: 'client-authentication+jwt' }],
    ['without a kid, where one key fits', { kid: undefined }],
  ])('§3: takes an assertion %s', async (_, header) => {
    expect(await statusOf(await sign({}, { header }))).toBe(200);
  });

  it('§3: takes an assertion of each key of the client', async () => {
    const header = { alg: 'PS256', kid: 'r1' };
    expect(await statusOf(await sign({}, { key: second.privateKey, header }))).toBe(200);
  });

  it('§2.2: client_id may be there, and must then be the same', async () => {
    expect(await statusOf(await sign(), { client_id: 'signing' })).toBe(200);
    expect(await statusOf(await sign(), { client_id: 'other' })).toBe(400);
  });

  it('RFC 7521 §4.2: the type must come with it, and be the one for JWTs', async () => {
    const client_assertion = await sign();
    expect((await send(createApp(), { client_assertion })).body.error).toBe('invalid_request');
    const alone = await send(createApp(), { client_assertion_type: jwtBearer });
    expect(alone.body.error).toBe('invalid_request');
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer';
    const saml = await send(createApp(), { client_assertion, client_assertion_type });
    expect({ status: saml.status, error: saml.body.error }).toEqual({
      status: 401,
      error: 'invalid_client',
    });
  });

  it('RFC 6749 §2.3: one way of authentication for each request', async () => {
    const form = { client_assertion_type: jwtBearer, client_assertion: await sign() };
    const basic = `Basic ${Buffer.from('orders:orders-secret').toString('base64')}`;
    for (const answer of [
      await send(createApp(), form, basic),
      await send(createApp(), { ...form, client_secret: 'x' }),
      await send(createApp(), { client_assertion_type: jwtBearer }, basic),
    ]) {
      expect({ status: answer.status, error: answer.body.error }).toEqual({
        status: 400,
        error: 'invalid_request',
      });
    }
  });

  it.each<[string, object, string | RegExp]>([
    ['the introspection endpoint', { aud: `${issuer}/introspect` }, /^aud/],
    ['the token endpoint', { aud: `${issuer}/token` }, /^aud/],
    ['the issuer with a slash', { aud: `${issuer}/` }, /^aud/],
    ['a list, also of the issuer alone', { aud: [issuer] }, /^aud/],
    ['the issuer among others', { aud: [issuer, 'https://evil.example'] }, /^aud/],
    ['missing', { aud: undefined }, /^aud/],
  ])(
    '§3: the audience is the issuer identifier and nothing else: not %s',
    async (_, claims, detail) => {
      expect(await detailOf(await sign(claims))).toMatch(detail);
    },
  );

  it.each<[string, object, string | RegExp]>([
    ['an iss that is not the sub', { iss: 'other' }, 'iss and sub differ'],
    ['no iss', { iss: undefined }, 'iss and sub differ'],
    ['no exp', { exp: undefined }, 'exp is missing'],
    ['an exp that has passed', { exp: seconds }, 'token_expired'],
    ['an exp that is far ahead', { exp: seconds + 306 }, /^exp is more than 300/],
    ['an exp that is a text', { exp: String(seconds + 60) }, 'exp is malformed'],
    ['an iat in the future', { iat: seconds + 6 }, 'token_not_yet_valid'],
    ['an nbf in the future', { nbf: seconds + 6 }, 'token_not_yet_valid'],
    ['no jti', { jti: undefined }, 'jti is missing or malformed'],
    ['an empty jti', { jti: '' }, 'jti is missing or malformed'],
    ['a jti that is a number', { jti: 7 }, 'jti is missing or malformed'],
    ['a jti of 256 characters', { jti: 'j'.repeat(256) }, 'jti is missing or malformed'],
  ])('§3: refuses %s', async (_, claims, detail) => {
    expect(await detailOf(await sign(claims))).toMatch(detail);
  });

  it('§3: refuses an assertion without a sub', async () => {
    expect(await detailOf(await sign({ sub: undefined }))).toMatch(/with a sub$/);
  });

  it('§3: takes times that differ by the usual five seconds', async () => {
    const ahead = { iat: seconds + 5, nbf: seconds + 5, exp: seconds + 305 };
    expect(await statusOf(await sign(ahead))).toBe(200);
  });

  const unsigned = /^the signature does not verify/;

  it.each<[string, () => Promise<string>]>([
    ['of a key that is not the client’s', () => sign({}, { key: foreign.privateKey })],
    ['with a kid that is not the client’s', () => sign({}, { header: { kid: 'e2' } })],
    ['of another client', () => sign({ iss: 'other', sub: 'other' })],
    ['of a client that has a secret', () => sign({ iss: 'orders', sub: 'orders' })],
    ['of nobody', () => sign({ iss: 'nobody', sub: 'nobody' })],
    ['of __proto__', () => sign({ iss: '__proto__', sub: '__proto__' })],
    [
      'with another algorithm than the key’s',
      () => sign({}, { key: second.privateKey, header: { alg: 'RS256', kid: 'r1' } }),
    ],
    [
      'with the public key as an HMAC secret',
      () =>
        sign(
          {},
          {
            key: pair.publicKey.export({ type: 'spki', format: 'der' }),
            header: { alg: 'HS256' },
          },
        ),
    ],
    ['without a signature', async () => `${(await sign()).split('.').slice(0, 2).join('.')}.`],
    [
      'with alg none',
      async () => {
        const [, payload] = (await sign()).split('.');
        return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
      },
    ],
    [
      'with claims that were changed',
      async () => {
        const [header, , signature] = (await sign()).split('.');
        const claims = Buffer.from(JSON.stringify({ ...usual(), exp: seconds + 300 }));
        return [header, claims.toString('base64url'), signature].join('.');
      },
    ],
  ])('§3: refuses one %s', async (_, assertion) => {
    expect(await detailOf(await assertion())).toMatch(unsigned);
  });

  it.each(['at+jwt', 'token-introspection+jwt', 'dpop+jwt'])(
    'RFC 8725 §3.11: refuses one of type %s',
    async (typ) => {
      expect(await detailOf(await sign({}, { header: { typ } }))).toMatch(/^typ/);
    },
  );

  it.each([
    ['no JWT', 'opaque'],
    ['not canonical', `${'a'.repeat(10)}.b.c`],
    ['longer than 16 KiB', `e30.${'A'.repeat(17_000)}.AAAA`],
  ])('§3: refuses what is %s', async (_, assertion) => {
    expect(await detailOf(assertion)).toMatch(/not a well-formed JWT/);
  });

  it('RFC 7519 §4: refuses one with a claim that comes twice', async () => {
    const [header] = (await sign()).split('.');
    const twice = JSON.stringify(usual()).replace('{', '{"aud":"https://evil.example",');
    const assertion = `${header}.${Buffer.from(twice).toString('base64url')}.AAAA`;
    expect(await detailOf(assertion)).toMatch(/not a well-formed JWT/);
  });
});

describe('RFC 7523 §3: an assertion counts once', () => {
  it('and is refused when it comes again, until it has ended', async () => {
    let at = now;
    const to = createApp(() => at);
    const assertion = await sign();
    expect((await authenticate(to, assertion)).status).toBe(200);
    expect((await authenticate(to, assertion)).status).toBe(401);
    at = now + 59_999;
    expect((await authenticate(to, assertion)).status).toBe(401);
    expect(to.events).toMatchObject([
      { client: 'signing', detail: 'the jti was used before' },
      { client: 'signing', detail: 'the jti was used before' },
    ]);
    at = now + 60_000;
    expect((await authenticate(to, assertion)).status).toBe(401);
    expect(to.events[2]).toMatchObject({ detail: 'token_expired' });
  });

  it('also when another assertion has its jti, and may have one that another client used', async () => {
    const to = createApp();
    const jti = 'the same';
    expect((await authenticate(to, await sign({ jti }))).status).toBe(200);
    expect((await authenticate(to, await sign({ jti, exp: seconds + 61 }))).status).toBe(401);
    const theirs = { iss: 'other', sub: 'other', jti };
    const assertion = await sign(theirs, { key: foreign.privateKey });
    expect((await authenticate(to, assertion)).status).toBe(200);
  });

  it('one whose signature fails uses up no jti', async () => {
    const to = createApp();
    const jti = 'mine';
    const forged = await sign({ jti }, { key: foreign.privateKey });
    expect((await authenticate(to, forged)).status).toBe(401);
    expect((await authenticate(to, await sign({ jti }))).status).toBe(200);
  });

  it('also when it comes twice at the same time', async () => {
    const to = createApp();
    const assertion = await sign();
    const answers = await Promise.all([0, 1, 2].map(() => authenticate(to, assertion)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  });
});
