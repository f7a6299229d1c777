import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { issueCertificate, name } from '../support/certificates.ts';
import {
  claimsOf,
  forwardedHeaders,
  send,
  startService,
  type TestService,
} from '../support/service.ts';

/** What Kong's plugin x-custom-jwt did, case by case; where it was wrong, what is right. */

const base = `
issuer: https://countersign.example.com
gateways: { kong: { client_certificate: true } }
credentials:
  - bearer: { trust: gateway }
  - basic: { trust: gateway }
  - client_certificate: { trust: gateway }
  - api_key: { trust: gateway }
errors: { format: x-custom-jwt }
`;
const started: TestService[] = [];
const start = async (text: string) => {
  const service = await startService(text);
  started.push(service);
  return service;
};
let plain: TestService;
beforeAll(async () => {
  plain = await start(base);
});
afterAll(() => Promise.all(started.map((each) => each.close())));

const consumer = [
  'X-Consumer-ID',
  'c-1',
  'X-Consumer-Custom-ID',
  'shop',
  'X-Consumer-Username',
  'Shop',
];
const upstream = ['X-Upstream-Url', 'http://orders.internal:8080/v1'];
const kong = [...forwardedHeaders(), ...consumer, ...upstream];
/** The same from a gateway that says it in another way. */
const kongWith = (...headers: string[]) => {
  const names = headers.filter((_, at) => at % 2 === 0).map((each) => each.toLowerCase());
  const others = kong.filter((_, at) => !names.includes(String(kong[at - (at % 2)]).toLowerCase()));
  return [...others, ...headers];
};

const soon = () => Math.floor(Date.now() / 1000) + 600;
const part = (text: string) => Buffer.from(text).toString('base64url');
/** A token whose signature Kong has checked, from claims or from the very JSON. */
const token = (claims: object | string, header: object = { alg: 'RS256', typ: 'JWT' }) =>
  `${part(JSON.stringify(header))}.${part(typeof claims === 'string' ? claims : JSON.stringify(claims))}.c2lnbmF0dXJl`;
const authorization = (value: string) => ['Authorization', value];
const bearer = (claims: object | string, header?: object) =>
  authorization(`Bearer ${token(claims, header)}`);
/** A bearer token that is right but for what is given. */
const bearerWith = (claims: object) => bearer({ clientId: 'web', exp: soon(), ...claims });
const bearerJson = (members: string) => bearer(`{"clientId":"web","exp":${soon()},${members}}`);
const basic = (pair: string | Buffer) =>
  authorization(`Basic ${Buffer.from(pair).toString('base64')}`);
const apiKey = (key: string) => ['apikey', key];
const certificate = (subject: Parameters<typeof name>[0]) => [
  'Client-Cert',
  `:${issueCertificate({ subject: name(subject) }).der.toString('base64')}:`,
];

const ask = (credential: readonly string[], gateway: readonly string[] = kong, service = plain) =>
  service.ask('/auth/kong', [...gateway, ...credential]);
async function minted(...call: Parameters<typeof ask>) {
  const answer = await ask(...call);
  expect(answer.status).toBe(200);
  const payload = String(answer.headers['x-custom-jwt']).split('.')[1] ?? '';
  return {
    claims: claimsOf(answer.headers['x-custom-jwt']),
    json: Buffer.from(payload, 'base64url').toString(),
  };
}
async function refused(...call: Parameters<typeof ask>) {
  const answer = await ask(...call);
  expect(answer.headers).not.toHaveProperty('x-custom-jwt');
  const decision = (call[2] ?? plain).decisions.at(-1);
  return [answer.status, decision?.allowed === false ? decision.reason : 'allowed'];
}

describe('the token', () => {
  it('has the plugin’s header and claims, and verifies with the published keys', async () => {
    const { headers } = await ask(bearerWith({ sub: 'alice', scope: 'orders' }));
    const { body } = await send({ port: plain.publicPort, path: '/jwks' });
    const { protectedHeader, payload } = await jwtVerify(
      String(headers['x-custom-jwt']),
      createLocalJWKSet(JSON.parse(body)),
    );
    expect(protectedHeader).toEqual({
      alg: 'RS256',
      typ: 'JWT',
      kid: expect.stringMatching(/^[\w-]{43}$/),
      jku: 'https://countersign.example.com/jwks',
    });
    expect(payload).toEqual({
      iss: 'https://countersign.example.com',
      aud: 'http://orders.internal:8080/v1',
      client_id: 'web',
      act: { client_id: 'shop' },
      clientId: 'web',
      sub: 'alice',
      scope: 'orders',
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.stringMatching(
        /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      ),
    });
  });

  it('lives half an hour where its source has no end', async () => {
    const { claims } = await minted(apiKey('key-of-half-an-hour'));
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(1800);
  });
});

describe('a claim of a bearer token', () => {
  it.each<[string, unknown]>([
    ['sub', 'alice'],
    ['scope', 'a b'],
    ['azp', 'web'],
    ['roles', []],
    ['roles', [[], {}, null, false, 0, '']],
    ['realm_access', { roles: ['a', { b: [] }] }],
    ['typ', 'Bearer'],
    ['email_verified', false],
    ['nothing', null],
    ['zero', 0],
    ['ratio', 0.1],
    ['tiny', 5e-324],
    ['name', 'Zoë 日本 🦀 "\\/'],
    ['https://example.com/tenant', 'acme'],
    ['a.b', 1],
    ['', 'unnamed'],
    ['toString', 'a name of Object.prototype'],
    ['auth_time', 1],
  ])('%s is kept: %j', async (claim, value) => {
    expect((await minted(bearerWith({ [claim]: value }))).claims[claim]).toStrictEqual(value);
  });

  it.each([
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '[18446744073709551615,{"deep":-340282366920938463463374607431768211456}]',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"a\\u0000b"',
    '"</script>"',
    '"\\u2028"',
  ])('is kept exactly: %s', async (json) => {
    const kept = (await minted(bearerJson(`"id":${json}`))).json;
    expect(kept).toContain(json.startsWith('"') ? JSON.stringify(JSON.parse(json)) : json);
  });

  it.each([
    ['iss', 'https://evil.example'],
    ['iat', 1],
    ['jti', 'mine'],
    ['aud', 'https://evil.example'],
    ['aud', ['a', 'b']],
    ['client_id', 'admin'],
    ['client_id', { admin: true }],
  ])('%s is overwritten: %j', async (claim, value) => {
    const { claims } = await minted(bearerWith({ [claim]: value }));
    expect(claims[claim]).not.toEqual(value);
    expect(claims).toMatchObject({ iss: 'https://countersign.example.com', client_id: 'web' });
  });

  it.each(['nbf', 'may_act', 'nonce', 'at_hash', 'sid'])('%s is not copied', async (claim) => {
    const { claims } = await minted(bearerWith({ [claim]: claim === 'nbf' ? 1 : 'x' }));
    expect(claims).not.toHaveProperty(claim);
  });
});

describe('the actor', () => {
  it.each<[string, string[], object, unknown]>([
    ['is the consumer’s custom id', [], {}, { client_id: 'shop' }],
    ['is its id without a custom id', ['X-Consumer-Custom-ID', ''], {}, { client_id: 'c-1' }],
    [
      'is not its id where there is a custom id, even one like an id',
      ['X-Consumer-Custom-ID', '0'],
      {},
      { client_id: '0' },
    ],
    [
      'may have a name in UTF-8',
      ['X-Consumer-Custom-ID', Buffer.from('Zoë').toString('latin1')],
      {},
      { client_id: 'Zoë' },
    ],
    [
      'has the one before it inside',
      [],
      { act: { sub: 'proxy' } },
      { client_id: 'shop', act: { sub: 'proxy' } },
    ],
    [
      'does not merge into one that has a client_id',
      [],
      { act: { client_id: 'first', sub: 'x' } },
      { client_id: 'shop', act: { client_id: 'first', sub: 'x' } },
    ],
    [
      'stands before a whole chain',
      [],
      { act: { sub: 'b', act: { sub: 'a' } } },
      { client_id: 'shop', act: { sub: 'b', act: { sub: 'a' } } },
    ],
  ])('%s', async (_what, gateway, claims, expected) => {
    const { claims: kept } = await minted(bearerWith(claims), kongWith(...gateway));
    expect(kept['act']).toEqual(expected);
  });

  it.each([['text'], [1], [null], [[]], [true]])('is refused when it comes as %j', async (act) => {
    expect(await refused(bearerWith({ act }))).toEqual([401, 'invalid_token']);
  });

  it('also acts for other credentials', async () => {
    expect((await minted(basic('alice:pw'))).claims).toMatchObject({ act: { client_id: 'shop' } });
  });
});

describe('the client of a bearer token', () => {
  it.each<[string, object]>([
    ['missing', {}],
    ['empty', { clientId: '' }],
    ['null', { clientId: null }],
    ['false', { clientId: false }],
    ['true', { clientId: true }],
    ['a number', { clientId: 7 }],
    ['a list', { clientId: ['web'] }],
    ['an object', { clientId: { id: 'web' } }],
    ['too long', { clientId: 'w'.repeat(256) }],
    ['two lines', { clientId: 'web\r\nX-Admin: 1' }],
    ['ended by NUL', { clientId: 'admin\0.evil' }],
    ['a lone surrogate', { clientId: '\ud800' }],
    ['under another case', { clientid: 'web' }],
  ])('is refused when it is %s', async (_what, claims) => {
    expect(await refused(bearer({ exp: soon(), ...claims }))).toEqual([401, 'no_client_id']);
  });

  it.each<[string, object, string | undefined]>([
    ['resource.client', { resource: { client: 'nested' } }, 'nested'],
    ['resource.client', { 'resource.client': 'literal', resource: { client: 'x' } }, 'literal'],
    ['resource.client', { 'resource.client': null, resource: { client: 'x' } }, undefined],
    ['resource.client', { resource: 'text' }, undefined],
    ['resource.client', { resource: ['client'] }, undefined],
    ['resource.length', { resource: 'text' }, undefined],
    ['resource.length', { resource: ['a'] }, undefined],
    ['toString', {}, undefined],
    ['resource.constructor.name', { resource: {} }, undefined],
    ['[azp, clientId]', { clientId: 'second' }, 'second'],
    ['[azp, clientId]', { azp: 'first', clientId: 'second' }, 'first'],
    ['[azp, clientId]', { azp: '', clientId: 'second' }, undefined],
    ['https://example.com/client', { 'https://example.com/client': 'url' }, 'url'],
    ['{ cel: "claims.a + \\"-\\" + claims.b" }', { a: 'x', b: 'y' }, 'x-y'],
    ['{ cel: "claims.a" }', {}, undefined],
    ['{ cel: "claims.a" }', { a: 1 }, undefined],
  ])('named by %s in %j is %s', async (rule, claims, expected) => {
    const service = await start(
      base.replace('bearer: { trust', `bearer: { client_id: ${rule}, trust`),
    );
    const answer = await ask(bearer({ exp: soon(), ...claims }), kong, service);
    expect(answer.status).toBe(expected === undefined ? 401 : 200);
    if (expected) expect(claimsOf(answer.headers['x-custom-jwt'])['client_id']).toBe(expected);
  });
});

describe('a bearer token that Kong cannot have verified', () => {
  const good = token({ clientId: 'web', exp: soon() });
  const [head = '', body = ''] = good.split('.');

  it.each<[string, string]>([
    ['alg none', token({ clientId: 'web', exp: soon() }, { alg: 'none' })],
    ['alg NoNe', token({ clientId: 'web', exp: soon() }, { alg: 'NoNe' })],
    ['alg none and no signature', `${part('{"alg":"none"}')}.${body}.`],
    ['no alg', token({ clientId: 'web', exp: soon() }, { typ: 'JWT' })],
    ['alg a number', token({ clientId: 'web', exp: soon() }, { alg: 1 })],
    ['crit', token({ clientId: 'web', exp: soon() }, { alg: 'RS256', crit: ['x'], x: 1 })],
    ['b64', token({ clientId: 'web', exp: soon() }, { alg: 'RS256', b64: false })],
    ['zip', token({ clientId: 'web', exp: soon() }, { alg: 'RS256', zip: 'DEF' })],
    [
      'typ logout+jwt',
      token({ clientId: 'web', exp: soon() }, { alg: 'RS256', typ: 'logout+jwt' }),
    ],
    ['no signature', `${head}.${body}.`],
    ['no third part', `${head}.${body}`],
    ['four parts', `${good}.x`],
    ['five parts', `${good}.x.y`],
    ['an empty payload', `${head}..c2ln`],
    ['an empty header', `.${body}.c2ln`],
    ['a header that is no JSON', `${part('header')}.${body}.c2ln`],
    ['a header that is a list', `${part('[]')}.${body}.c2ln`],
    ['a payload that is no JSON', `${head}.${part('payload')}.c2ln`],
    [
      'a payload that is not UTF-8',
      `${head}.${Buffer.from('{"clientId":"\xff"}', 'latin1').toString('base64url')}.c2ln`,
    ],
    ['the payload null', `${head}.${part('null')}.c2ln`],
    ['the payload true', `${head}.${part('true')}.c2ln`],
    ['the payload a number', `${head}.${part('42')}.c2ln`],
    ['the payload a text', `${head}.${part('"web"')}.c2ln`],
    ['the payload a list', `${head}.${part('[{"clientId":"web"}]')}.c2ln`],
    ['padding', `${head}.${part(`{"clientId":"web","exp":${soon()},"a":1}`)}=.c2ln`],
  ])('is refused: %s', async (_what, text) => {
    const [status, reason] = await refused(authorization(`Bearer ${text}`));
    expect(status).toBe(401);
    expect(['invalid_token', 'wrong_type']).toContain(reason);
  });

  it.each<[string, object, string]>([
    ['expired', { exp: soon() - 601 }, 'token_expired'],
    ['expired this second', { exp: soon() - 600 }, 'token_expired'],
    ['without exp', { exp: undefined }, 'invalid_token'],
    ['with exp null', { exp: null }, 'invalid_token'],
    ['with exp as text', { exp: String(soon()) }, 'invalid_token'],
    ['not yet valid', { nbf: soon() }, 'token_not_yet_valid'],
    ['issued in the future', { iat: soon() }, 'token_not_yet_valid'],
    ['bound to a certificate that is not there', { cnf: { 'x5t#S256': 'x' } }, 'unconfirmed_token'],
    ['bound to a DPoP key', { cnf: { jkt: 'x' } }, 'unconfirmed_token'],
    ['bound to what nobody knows', { cnf: {} }, 'unconfirmed_token'],
    ['bound to null', { cnf: null }, 'unconfirmed_token'],
  ])('is refused %s', async (_what, claims, reason) => {
    expect(await refused(bearerWith(claims))).toEqual([401, reason]);
  });

  it.each([
    ['- and _ of base64url', { name: '>>>???~~~ÿÿÿ', clientId: 'web', exp: soon() }],
    [
      'nbf and iat of zero, as old Keycloaks write them',
      { nbf: 0, iat: 0, clientId: 'web', exp: soon() },
    ],
    ['exp with a fraction', { clientId: 'web', exp: soon() + 0.5 }],
  ])('is not one with %s', async (what, claims) => {
    if (what.startsWith('-')) expect(part(JSON.stringify(claims))).toMatch(/_.*-|-.*_/);
    expect((await minted(bearer(claims))).claims).toMatchObject({ client_id: 'web' });
  });

  it('is refused when it ends within this second: no token could come of it', async () => {
    const exp = soon() - 600 + 0.999;
    expect(await refused(bearerWith({ exp }))).toEqual([401, 'token_expired']);
  });

  it('never yields a token that outlives it', async () => {
    const exp = soon() - 590;
    expect((await minted(bearer({ clientId: 'web', exp: exp + 0.9 }))).claims['exp']).toBe(exp);
  });

  it('does not live for ever by being fed back', async () => {
    const first = await ask(bearerWith({}));
    const again = await ask(authorization(`Bearer ${first.headers['x-custom-jwt']}`));
    const [one, two] = [first, again].map(({ headers }) => claimsOf(headers['x-custom-jwt']));
    expect(two?.['exp']).toBe(one?.['exp']);
  });

  it('may lack exp where that is said', async () => {
    const service = await start(base.replace('bearer: { trust', 'bearer: { exp: optional, trust'));
    const { claims } = await minted(bearer({ clientId: 'web' }), kong, service);
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(1800);
    expect(await refused(bearer({ clientId: 'web', exp: 1 }), kong, service)).toEqual([
      401,
      'token_expired',
    ]);
  });
});

describe('hostile JSON in a bearer token', () => {
  it.each([
    ['__proto__', '"__proto__":{"admin":true}'],
    ['an escaped __proto__', '"__pro\\u0074o__":{"admin":true}'],
    ['__proto__ inside', '"a":{"__proto__":{"admin":true}}'],
    ['constructor', '"constructor":{"prototype":{"admin":true}}'],
    ['prototype', '"prototype":1'],
    ['a member that comes twice', '"sub":"a","sub":"b"'],
    ['a member that comes twice, once escaped', '"sub":"a","s\\u0075b":"b"'],
    ['a member that comes twice inside', '"a":[{"b":1,"b":1}]'],
    ['eleven levels', `"a":${'['.repeat(10)}${']'.repeat(10)}`],
    ['1001 levels', `"a":${'['.repeat(1001)}${']'.repeat(1001)}`],
    ['101 members', Array.from({ length: 100 }, (_, n) => `"m${n}":0`).join()],
    ['1001 elements', `"a":[${'0,'.repeat(1000)}0]`],
    ['a number beyond all', '"a":1e400'],
    ['NaN', '"a":NaN'],
    ['a comment', '"a":1/**/'],
    ['a comma at the end', '"a":1,'],
    ['a subject of 9 kB', `"sub":"${'s'.repeat(9000)}"`],
    ['a subject with NUL', '"sub":"a\\u0000"'],
  ])('is refused: %s', async (_what, members) => {
    expect(await refused(bearerJson(members))).toEqual([401, 'invalid_token']);
  });

  it.each([
    ['ten levels', `"a":${'['.repeat(9)}${']'.repeat(9)}`],
    ['100 members', Array.from({ length: 98 }, (_, n) => `"m${n}":0`).join()],
    ['white space', '\n\t"a" :\r [ 1 , 2 ] '],
  ])('is not one with %s', async (_what, members) => {
    expect((await minted(bearerJson(members))).claims['client_id']).toBe('web');
  });
});

describe('the Authorization header', () => {
  const good = token({ clientId: 'web', exp: soon() });
  const pair = Buffer.from('alice:pw').toString('base64');

  it.each([
    ['bearer in lower case', `bearer ${good}`],
    ['BEARER in capitals', `BEARER ${good}`],
    ['two spaces', `Bearer  ${good}`],
    ['basic in lower case', `basic ${pair}`],
    ['Basic with two spaces', `Basic  ${pair}`],
  ])('is taken with %s', async (_what, value) => {
    expect((await ask(authorization(value))).status).toBe(200);
  });

  it.each([
    ['empty', '', 'unknown_scheme'],
    ['NotBearer', `NotBearer ${good}`, 'unknown_scheme'],
    ['Bearer somewhere inside', `Digest Bearer ${good}`, 'unknown_scheme'],
    ['a quoted Bearer', `"Bearer ${good}"`, 'unknown_scheme'],
    ['a tab after the scheme', `Bearer\t${good}`, 'unknown_scheme'],
    ['no scheme', good, 'unknown_scheme'],
    ['Negotiate', 'Negotiate YII=', 'unknown_scheme'],
    ['Bearer and nothing', 'Bearer', 'invalid_token'],
    ['Bearer twice', `Bearer Bearer ${good}`, 'invalid_token'],
    ['something behind the token', `Bearer ${good} x`, 'invalid_token'],
    ['two tokens joined', `Bearer ${good},Bearer ${good}`, 'invalid_token'],
    ['a token and Basic joined', `Bearer ${good}, Basic ${pair}`, 'invalid_token'],
    ['Basic and nothing', 'Basic', 'malformed_credential'],
    ['Basic twice', `Basic Basic ${pair}`, 'malformed_credential'],
    ['Basic that is not base64', 'Basic alice:pw', 'malformed_credential'],
    [
      'Basic without a colon',
      `Basic ${Buffer.from('alice').toString('base64')}`,
      'malformed_credential',
    ],
    [
      'Basic in base64url',
      `Basic ${Buffer.from('al~~?:pw>>>').toString('base64url')}`,
      'malformed_credential',
    ],
    ['Basic without its padding', `Basic ${pair.replace(/=+$/, '')}`, 'malformed_credential'],
  ])('is refused: %s', async (_what, value, reason) => {
    expect(await refused(authorization(value))).toEqual([401, reason]);
  });

  it.each([
    ['Authorization', [...authorization(`Bearer ${good}`), ...authorization(`Bearer ${good}`)]],
    ['authorization in another case', [...authorization(`Bearer ${good}`), 'AUTHORIZATION', 'x']],
    ['apikey', [...apiKey('k'), ...apiKey('k')]],
    ['X-Consumer-ID', [...apiKey('k'), 'x-consumer-id', 'c-2']],
    ['X-Upstream-Url', [...apiKey('k'), ...upstream]],
  ])('or %s that comes twice is refused', async (_what, headers) => {
    expect(await refused(headers)).toEqual([401, 'duplicate_header']);
  });
});

describe('Basic credentials', () => {
  it.each([
    ['alice:pw', 'alice'],
    ['alice:', 'alice'],
    ['alice:pa:ss:word', 'alice'],
    ['alice::', 'alice'],
    ['Zoë:pässwörd', 'Zoë'],
    ['al ice: ', 'al ice'],
    ['a,b=c:d', 'a,b=c'],
  ])('%j are of %s', async (pair, client) => {
    const { claims, json } = await minted(basic(pair));
    expect(claims['client_id']).toBe(client);
    expect(json).not.toMatch(/pw|pa:ss|pässwörd/);
  });

  it.each([
    ['no user', ':pw'],
    ['nothing', ':'],
    ['no colon', 'alice'],
    ['Latin-1', Buffer.from('Zo\xeb:pw', 'latin1')],
    ['an overlong colon', Buffer.from('admin\xc0\xba:pw', 'latin1')],
    ['a NUL in the user', 'admin\0.evil:pw'],
    ['a NUL in the password', 'alice:p\0w'],
    ['a line break', 'alice\r\nX-Admin: 1:pw'],
    ['an escape character', 'alice\x1b[31m:pw'],
    ['a control character of Latin-1', 'alice\u0085:pw'],
  ])('with %s are refused', async (_what, pair) => {
    expect(await refused(basic(pair))).toEqual([401, 'malformed_credential']);
  });
});

describe('a client certificate', () => {
  it.each<[string, Parameters<typeof name>[0], string]>([
    [
      'is named by its subject in certificate order',
      {
        C: 'US',
        ST: 'California',
        O: 'Acme Inc.',
        OU: 'Platform',
        CN: 'client-1',
        emailAddress: 'a@b.c',
      },
      'C=US, ST=California, O=Acme Inc., OU=Platform, CN=client-1, emailAddress=a@b.c',
    ],
    ['cannot pass one name for two', { CN: 'client, CN=admin' }, 'CN=client\\, CN=admin'],
    ['may be named in any script', { CN: 'Zoë 日本' }, 'CN=Zoë 日本'],
  ])('%s', async (_what, subject, client) => {
    expect((await minted(certificate(subject))).claims['client_id']).toBe(client);
  });

  it.each<[string, string[], string]>([
    ['with NUL in its name', certificate({ CN: 'admin\0.evil' }), 'no_client_id'],
    ['without a name', certificate({}), 'no_client_id'],
    ['with an empty name', certificate({ CN: '' }), 'no_client_id'],
    ['that is none', ['Client-Cert', ':AAAA:'], 'malformed_certificate'],
    ['that is not base64', ['Client-Cert', 'certificate'], 'malformed_certificate'],
  ])('%s is refused', async (_what, header, reason) => {
    expect(await refused(header)).toEqual([401, reason]);
  });

  it('that is unreadable does not fall through to an API key', async () => {
    expect((await ask(['Client-Cert', ':AAAA:', ...apiKey('k')])).status).toBe(401);
  });
});

describe('an API key', () => {
  it('is never in the token: the consumer is the client', async () => {
    const { claims, json } = await minted(apiKey('s3cr3t-api-key'));
    expect(claims['client_id']).toBe('shop');
    expect(json).not.toContain('s3cr3t');
  });

  it('is a pseudonym where there is no consumer', async () => {
    const service = await start(
      base
        .replace('client_certificate: true', 'consumer: optional')
        .replace(/.*client_cert.*trust.*\n/, ''),
    );
    const gateway = [...forwardedHeaders(), ...upstream];
    const { claims, json } = await minted(apiKey('s3cr3t-api-key'), gateway, service);
    expect(claims['client_id']).toMatch(/^apikey-[\w-]{22}$/);
    expect(json).not.toContain('s3cr3t');
    expect(claims).not.toHaveProperty('act');
    expect((await minted(apiKey('another'), gateway, service)).claims['client_id']).not.toBe(
      claims['client_id'],
    );
  });

  it.each([
    ['empty', ''],
    ['a DEL inside', 'a\x7fb'],
  ])('that is %s is present, and bad', async (_what, key) => {
    const answer = await refused(apiKey(key)).catch(() => 'not sent');
    if (answer !== 'not sent') expect(answer).toEqual([401, 'malformed_credential']);
  });

  it('under an alias is refused', async () => {
    const service = await start(base.replace('api_key: {', 'api_key: { header: X-Api-Key,'));
    expect(await refused(['X-Api-Key', 'k', 'X_API_Key', 'l'], kong, service)).toEqual([
      401,
      'aliased_header',
    ]);
    expect(await refused(['X_API_Key', 'l'], kong, service)).toEqual([401, 'aliased_header']);
  });
});

describe('the consumer', () => {
  const without = [...forwardedHeaders(), ...upstream];

  it.each<[string, string[], string]>([
    ['is missing', without, 'no_consumer'],
    ['has empty names', kongWith('X-Consumer-ID', '', 'X-Consumer-Custom-ID', ''), 'no_consumer'],
    ['has a user name only', [...without, 'X-Consumer-Username', 'Shop'], 'no_consumer'],
    ['is anonymous', kongWith('X-Anonymous-Consumer', 'true'), 'anonymous_consumer'],
    ['is anonymous in other words', kongWith('X-Anonymous-Consumer', '1'), 'anonymous_consumer'],
    [
      'is anonymous and nameless',
      [...without, 'X-Anonymous-Consumer', 'true'],
      'anonymous_consumer',
    ],
  ])('that %s is refused, whatever the credential', async (_what, gateway, reason) => {
    for (const credential of [
      bearerWith({}),
      basic('alice:pw'),
      certificate({ CN: 'c' }),
      apiKey('k'),
    ]) {
      expect(await refused(credential, gateway)).toEqual([401, reason]);
    }
  });

  it('that is said not to be anonymous is taken', async () => {
    expect((await ask(apiKey('k'), kongWith('X-Anonymous-Consumer', 'false'))).status).toBe(200);
  });

  it('may be missing where that is said, but not be anonymous', async () => {
    const service = await start(
      base.replace('client_certificate: true', 'client_certificate: true, consumer: optional'),
    );
    expect((await minted(bearerWith({}), without, service)).claims).not.toHaveProperty('act');
    expect(
      await refused(bearerWith({}), [...without, 'X-Anonymous-Consumer', 'true'], service),
    ).toEqual([401, 'anonymous_consumer']);
  });
});

describe('the audience', () => {
  it.each([
    ['http://orders.internal', 'http://orders.internal'],
    ['http://orders.internal:80', 'http://orders.internal'],
    ['https://orders.internal:443', 'https://orders.internal'],
    ['http://orders.internal:443', 'http://orders.internal:443'],
    ['https://orders.internal:80', 'https://orders.internal:80'],
    ['http://orders.internal:8080', 'http://orders.internal:8080'],
    ['https://orders.internal:443/', 'https://orders.internal/'],
    ['https://orders.internal/a/b', 'https://orders.internal/a/b'],
    ['https://orders.internal/a/b/', 'https://orders.internal/a/b/'],
    ['http://[fd00::1]:8080/a', 'http://[fd00::1]:8080/a'],
    ['http://10.0.0.1:80/a%20b', 'http://10.0.0.1/a%20b'],
    ['grpcs://orders.internal:443', 'grpcs://orders.internal'],
    ['grpc://orders.internal:9000', 'grpc://orders.internal:9000'],
    ['wss://orders.internal:443/socket', 'wss://orders.internal/socket'],
  ])('of %s is %s', async (url, aud) => {
    expect((await minted(apiKey('k'), kongWith('X-Upstream-Url', url))).claims['aud']).toBe(aud);
  });

  it.each([
    ['orders.internal'],
    ['javascript:alert(1)'],
    ['http://user@orders.internal'],
    ['http://orders.internal:port'],
    ['http://orders.internal?x'],
    ['http:///path'],
    ['http://orders.internal/a b'],
  ])('cannot be made of %s', async (url) => {
    expect(await refused(apiKey('k'), kongWith('X-Upstream-Url', url))).toEqual([
      403,
      'no_audience',
    ]);
  });

  it('is never the client’s Host header where Kong states no service', async () => {
    expect(await refused(apiKey('k'), [...forwardedHeaders(), ...consumer])).toEqual([
      403,
      'no_audience',
    ]);
  });
});

describe('several credentials at once', () => {
  const all = {
    bearer: bearerWith({}),
    certificate: certificate({ CN: 'c' }),
    'API key': apiKey('k'),
  };
  const pairs = Object.entries(all).flatMap(([one, first], at) =>
    Object.entries(all)
      .slice(at + 1)
      .map(([other, second]) => [one, other, [...first, ...second]] as const),
  );

  it.each(pairs)('are ambiguous: %s and %s', async (_one, _other, headers) => {
    expect(await refused(headers)).toEqual([401, 'ambiguous_credential']);
  });

  it('are not where the gateway says which one it verified', async () => {
    const stated = ['X-Countersign-Credential', 'api_key'];
    const { claims } = await minted([...bearerWith({ sub: 'root' }), ...apiKey('k'), ...stated]);
    expect(claims).toMatchObject({ client_id: 'shop' });
    expect(claims).not.toHaveProperty('sub');
  });
});

describe('large tokens', () => {
  const large = (over: object = {}) =>
    bearerWith({ blob: 'b'.repeat(4500), sub: 'alice', ...over });

  it('of 6 kB are refused, and the log says why', async () => {
    const answer = await ask(large());
    expect(answer.status).toBe(403);
    expect(answer.body).not.toContain('blob');
    expect(plain.decisions.at(-1)).toMatchObject({
      reason: 'token_too_large',
      detail: expect.stringMatching(/^largest claims: blob 4502 bytes, /),
    });
  });

  it.each([
    ['drop: [blob]', { client_id: 'web', sub: 'alice', scope: 'x' }],
    ['copy: [sub, scope]', { client_id: 'web', sub: 'alice', scope: 'x' }],
    ['copy: none', { client_id: 'web' }],
    ['copy: [sub, scope, iss, nbf], drop: [scope]', { client_id: 'web', sub: 'alice' }],
    [
      'max_header_bytes: 16KiB',
      { client_id: 'web', sub: 'alice', scope: 'x', blob: 'b'.repeat(4500) },
    ],
  ])('pass with %s', async (rules, expected) => {
    const service = await start(`${base}token: { ${rules} }`);
    const { claims } = await minted(large({ scope: 'x', iss: 'https://idp' }), kong, service);
    const { iss, aud, iat, exp, jti, act, clientId, ...others } = claims;
    expect(others).toEqual(expected);
    expect({ iss, aud, act }).toEqual({
      iss: 'https://countersign.example.com',
      aud: 'http://orders.internal:8080/v1',
      act: { client_id: 'shop' },
    });
  });
});

describe('the header of the token', () => {
  it.each(['Authorization', 'authorization', 'AUTHORIZATION'])(
    '%s gets the scheme, the downstream copy does not',
    async (header) => {
      const service = await start(
        `${base}token: { header: ${header}, downstream_header: X-Jwt-Out }`,
      );
      const answer = await ask(apiKey('k'), kong, service);
      expect(answer.headers['authorization']).toBe(`Bearer ${answer.headers['x-jwt-out']}`);
      expect(answer.headers['x-jwt-out']).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    },
  );
});

describe('a refusal in the plugin’s format', () => {
  const message = 'You are not authorized to access to this service';

  it('says nothing more than the plugin did', async () => {
    const answer = await ask([]);
    expect(answer.status).toBe(401);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.body)).toEqual({ ErrorMessage: message });
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="countersign"/);
  });

  it.each([
    ['no credential', [], /^A credential is required \(no_credential\)$/],
    ['no client', bearer({ exp: soon() }), /\(no_client_id\)$/],
    ['a broken token', authorization('Bearer x'), /\(invalid_token: not a well-formed JWT\)$/],
  ])('says why when verbose: %s', async (_what, credential, verbose) => {
    const service = await start(base.replace('x-custom-jwt }', 'x-custom-jwt, verbose: true }'));
    const { body } = await ask(credential, kong, service);
    expect(JSON.parse(body)).toEqual({
      ErrorMessage: message,
      VerboseMessage: expect.stringMatching(verbose),
    });
  });
});
