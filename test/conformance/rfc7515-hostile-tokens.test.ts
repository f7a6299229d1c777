import {
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { certificateThumbprint } from '../../src/exchange/credentials/client-certificate/client-certificate.ts';
import { issueCertificate, name } from '../support/certificates.ts';
import { claimsOf, forwardedHeaders, startService, type TestService } from '../support/service.ts';

/** Tokens that a verifier has to refuse: RFC 7515, 7519, 8725 and 8705, and what attackers sent others. */

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const partnerRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

const acme = 'https://idp.example.com/realms/acme';
const partner = 'https://partner.example.com';
const directory = mkdtempSync(join(tmpdir(), 'hostile-tokens-'));
const jwk = (kid: string, { publicKey }: { publicKey: KeyObject }, members = {}) => ({
  ...publicKey.export({ format: 'jwk' }),
  ...{ kid, use: 'sig', ...members },
});
writeFileSync(
  join(directory, 'acme.json'),
  JSON.stringify({ keys: [jwk('r1', rsa, { alg: 'RS256' }), jwk('e1', ec), jwk('d1', ed)] }),
);
writeFileSync(join(directory, 'partner.json'), JSON.stringify({ keys: [jwk('r1', partnerRsa)] }));

let service: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
gateways: { caddy: { client_certificate: true } }
credentials:
  - bearer:
      client_id: azp
      verify: { issuer: ${acme}, audiences: [orders, stock], jwks_file: ${directory}/acme.json }
  - bearer:
      client_id: azp
      verify:
        issuer: ${partner}
        audiences: any
        algorithms: [PS256]
        types: [at+jwt]
        exp: optional
        jwks_file: ${directory}/partner.json
token: { audience: backend }
`);
});
afterAll(async () => {
  await service.close();
  rmSync(directory, { recursive: true });
});

const now = () => Math.floor(Date.now() / 1000);
const encode = (data: string | Uint8Array) => Buffer.from(data).toString('base64url');
const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
const head = { alg: 'RS256', typ: 'JWT', kid: 'r1' };
const body = () => ({ iss: acme, aud: 'orders', sub: 'alice', azp: 'web', exp: now() + 600 });
const pss = { padding: 6, saltLength: 32 };
type Key = KeyObject | SignKeyObjectInput;

/** Signs a header and a payload, given as values or as the very text; SHA-256 but for Ed25519. */
function signed(header: unknown, payload: unknown, key: Key = rsa.privateKey): string {
  return signedParts(encode(text(header)), encode(text(payload)), key);
}
function signedParts(header: string, payload: string, key: Key = rsa.privateKey): string {
  const input = `${header}.${payload}`;
  const digest = key === ed.privateKey ? null : 'sha256';
  return `${input}.${encode(sign(digest, Buffer.from(input), key as KeyObject))}`;
}
/** A good token of Acme but for what is given; `undefined` leaves a member out. */
const token = (claims: object, header: object = {}) =>
  signed({ ...head, ...header }, { ...body(), ...claims });
/** The same with members given as JSON. */
const tokenJson = (members: string) =>
  signed(head, `${JSON.stringify({ ...body(), exp: undefined }).slice(0, -1)},${members}}`);
const es256 = (key: KeyObject): Key => ({ key, dsaEncoding: 'ieee-p1363' });

async function ask(jwt: string, headers: readonly string[] = []) {
  const credential = ['Authorization', `Bearer ${jwt}`];
  const answer = await service.ask('/auth/caddy', [
    ...forwardedHeaders(),
    ...credential,
    ...headers,
  ]);
  const decision = service.decisions.at(-1);
  const reason = decision?.allowed === false ? decision.reason : 'allowed';
  if (answer.status !== 200) expect(answer.headers).not.toHaveProperty('x-custom-jwt');
  return { ...answer, outcome: `${answer.status} ${reason}` };
}

const good = token({});
const [goodHead = '', goodBody = '', goodSignature = ''] = good.split('.');

describe('a good token', () => {
  it.each<[string, string]>([
    ['of RS256', good],
    ['of ES256', signed({ alg: 'ES256', kid: 'e1' }, body(), es256(ec.privateKey))],
    ['of Ed25519', signed({ alg: 'Ed25519', kid: 'd1' }, body(), ed.privateKey)],
    ['without kid, where one key fits its algorithm', token({}, { kid: undefined })],
    ['without typ', token({}, { typ: undefined })],
    ['of type at+jwt', token({}, { typ: 'at+jwt' })],
    ['of type application/at+jwt', token({}, { typ: 'application/at+jwt' })],
    ['of type jwt in small letters', token({}, { typ: 'jwt' })],
    ['for several audiences', token({ aud: ['other', 'stock'] })],
    ['without sub', token({ sub: undefined })],
    ['with exp that has a fraction', token({ exp: now() + 600.5 })],
    ['issued 4 seconds in the future', token({ iat: now() + 4, nbf: now() + 4 })],
    [
      'with jku and x5u, which are never fetched',
      token({}, { jku: 'http://127.0.0.1:1/', x5u: 'x' }),
    ],
    [
      'of the partner',
      signed(
        { alg: 'PS256', kid: 'r1', typ: 'at+jwt' },
        { iss: partner, azp: 'web' },
        { key: partnerRsa.privateKey, ...pss },
      ),
    ],
  ])('passes %s', async (_what, jwt) => {
    const answer = await ask(jwt);
    expect(answer.outcome).toBe('200 allowed');
    expect(claimsOf(answer.headers['x-custom-jwt'])).toMatchObject({
      client_id: 'web',
      aud: 'backend',
    });
  });
});

describe('the algorithm', () => {
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  const der = rsa.publicKey.export({ type: 'spki', format: 'der' });
  const hmac = (secret: string | Buffer, alg = 'HS256') => {
    const input = `${encode(text({ ...head, alg }))}.${goodBody}`;
    return `${input}.${encode(createHmac('sha256', secret).update(input).digest())}`;
  };

  it.each<[string, string]>([
    ['none, unsigned', `${encode('{"alg":"none"}')}.${goodBody}.`],
    ['none, with a signature', `${encode('{"alg":"none"}')}.${goodBody}.${goodSignature}`],
    ['None', `${encode('{"alg":"None","kid":"r1"}')}.${goodBody}.`],
    ['NONE', `${encode('{"alg":"NONE","kid":"r1"}')}.${goodBody}.${goodSignature}`],
    ['HS256 with the public key in PEM as secret', hmac(String(pem))],
    ['HS256 with the public key in DER as secret', hmac(der as Buffer)],
    ['HS256 with the modulus as secret', hmac(String(rsa.publicKey.export({ format: 'jwk' }).n))],
    ['HS256 with an empty secret', hmac('')],
    ['rs256', token({}, { alg: 'rs256' })],
    ['RS512 that is RS256', token({}, { alg: 'RS512' })],
    [
      'PS256 with a key for RS256 only',
      signed({ ...head, alg: 'PS256' }, body(), { key: rsa.privateKey, ...pss }),
    ],
    ['RS256 made as PS256', signed(head, body(), { key: rsa.privateKey, ...pss })],
    ['RSA1_5', token({}, { alg: 'RSA1_5' })],
    ['dir', token({}, { alg: 'dir', enc: 'A128GCM' })],
    ['EdDSA, which is not configured', signed({ alg: 'EdDSA', kid: 'd1' }, body(), ed.privateKey)],
    [
      'ES256 with the key for RS256',
      signed({ alg: 'ES256', kid: 'r1' }, body(), es256(ec.privateKey)),
    ],
    ['RS256 with the key for ES256', token({}, { kid: 'e1' })],
    ['ES256 signed in DER', signed({ alg: 'ES256', kid: 'e1' }, body(), ec.privateKey)],
    [
      'ES256 of zeros',
      `${encode('{"alg":"ES256","kid":"e1"}')}.${goodBody}.${encode(Buffer.alloc(64))}`,
    ],
    ['ES256 of nothing', `${encode('{"alg":"ES256","kid":"e1"}')}.${goodBody}.`],
    [
      'Ed25519 of zeros',
      `${encode('{"alg":"Ed25519","kid":"d1"}')}.${goodBody}.${encode(Buffer.alloc(64))}`,
    ],
    ['missing', signed({ kid: 'r1' }, body())],
    ['empty', token({}, { alg: '' })],
    ['null', token({}, { alg: null })],
    ['a list', token({}, { alg: ['RS256'] })],
    ['under another name', signed({ Alg: 'RS256', kid: 'r1' }, body())],
  ])('is refused: %s', async (_what, jwt) => {
    expect((await ask(jwt)).outcome).toMatch(/^401 (invalid_token|unknown_key)$/);
  });
});

describe('the key', () => {
  it.each<[string, string, string]>([
    ['of a stranger', signed(head, body(), stranger.privateKey), 'invalid_token'],
    [
      'of a stranger in jwk',
      signed({ ...head, jwk: jwk('r1', stranger) }, body(), stranger.privateKey),
      'invalid_token',
    ],
    [
      'of a stranger in jwk, without kid',
      signed({ alg: 'RS256', jwk: jwk('x', stranger) }, body(), stranger.privateKey),
      'invalid_token',
    ],
    [
      'of a stranger behind jku',
      signed({ ...head, kid: 'x', jku: 'https://evil.example/jwks' }, body(), stranger.privateKey),
      'unknown_key',
    ],
    [
      'of a stranger in x5c',
      signed(
        { ...head, x5c: [issueCertificate({ subject: name({ CN: 'a' }) }).der.toString('base64')] },
        body(),
        stranger.privateKey,
      ),
      'invalid_token',
    ],
    ['unknown', token({}, { kid: 'r2' }), 'unknown_key'],
    ['in another case', token({}, { kid: 'R1' }), 'unknown_key'],
    ['empty', token({}, { kid: '' }), 'unknown_key'],
    ['a path', token({}, { kid: '../../../../dev/null' }), 'unknown_key'],
    ['a query', token({}, { kid: "x' UNION SELECT 'key" }), 'unknown_key'],
    ['__proto__', token({}, { kid: '__proto__' }), 'unknown_key'],
    ['of 257 characters', token({}, { kid: 'k'.repeat(257) }), 'invalid_token'],
    ['with NUL', token({}, { kid: 'r1\0' }), 'invalid_token'],
    ['a number', token({}, { kid: 1 }), 'invalid_token'],
    ['null', token({}, { kid: null }), 'invalid_token'],
    ['a list', token({}, { kid: ['r1'] }), 'invalid_token'],
    [
      'of Acme for the partner',
      signed(
        { alg: 'PS256', kid: 'r1', typ: 'at+jwt' },
        { iss: partner, azp: 'web' },
        { key: rsa.privateKey, ...pss },
      ),
      'invalid_token',
    ],
    ['of the partner for Acme', signed(head, body(), partnerRsa.privateKey), 'invalid_token'],
  ])('is refused: %s', async (_what, jwt, reason) => {
    expect((await ask(jwt)).outcome).toBe(`401 ${reason}`);
  });
});

describe('a header parameter', () => {
  it.each<[string, string, string]>([
    ['crit, even of what is understood', token({}, { crit: ['exp'], exp: 1 }), 'invalid_token'],
    ['crit, empty', token({}, { crit: [] }), 'invalid_token'],
    ['crit, null', token({}, { crit: null }), 'invalid_token'],
    ['b64', token({}, { b64: true }), 'invalid_token'],
    ['b64 false and crit', token({}, { b64: false, crit: ['b64'] }), 'invalid_token'],
    ['zip', token({}, { zip: 'DEF' }), 'invalid_token'],
    ['enc', token({}, { enc: 'A256GCM' }), 'invalid_token'],
    ['alg twice', signed('{"alg":"none","alg":"RS256","kid":"r1"}', body()), 'invalid_token'],
    [
      'alg twice, once escaped',
      signed('{"\\u0061lg":"none","alg":"RS256","kid":"r1"}', body()),
      'invalid_token',
    ],
    [
      '__proto__',
      signed('{"alg":"RS256","kid":"r1","__proto__":{"typ":"JWT"}}', body()),
      'invalid_token',
    ],
    ['typ logout+jwt', token({}, { typ: 'logout+jwt' }), 'wrong_type'],
    ['typ token-introspection+jwt', token({}, { typ: 'token-introspection+jwt' }), 'wrong_type'],
    ['typ dpop+jwt', token({}, { typ: 'dpop+jwt' }), 'wrong_type'],
    ['typ JWE', token({}, { typ: 'JWE' }), 'wrong_type'],
    [
      'typ application/application/jwt',
      token({}, { typ: 'application/application/jwt' }),
      'wrong_type',
    ],
    ['typ empty', token({}, { typ: '' }), 'wrong_type'],
    ['typ none, which stands for no typ', token({}, { typ: 'none' }), 'wrong_type'],
    ['typ a list', token({}, { typ: ['JWT'] }), 'invalid_token'],
    ['typ null', token({}, { typ: null }), 'invalid_token'],
    ['a header in a list', signed([head], body()), 'invalid_token'],
    [
      'a header with a byte order mark',
      signed(`\uFEFF${JSON.stringify(head)}`, body()),
      'invalid_token',
    ],
  ])('is refused: %s', async (_what, jwt, reason) => {
    expect((await ask(jwt)).outcome).toBe(`401 ${reason}`);
  });

  it('of another issuer does not help: each has its own types and algorithms', async () => {
    const claims = { iss: partner, azp: 'web' };
    const own = { key: partnerRsa.privateKey, ...pss };
    expect((await ask(signed({ alg: 'PS256', kid: 'r1', typ: 'JWT' }, claims, own))).outcome).toBe(
      '401 wrong_type',
    );
    expect((await ask(signed({ alg: 'PS256', kid: 'r1' }, claims, own))).outcome).toBe(
      '401 wrong_type',
    );
    const other = signed({ alg: 'RS256', kid: 'r1', typ: 'at+jwt' }, claims, partnerRsa.privateKey);
    expect((await ask(other)).outcome).toBe('401 invalid_token');
  });
});

describe('the serialization', () => {
  /** Another character with the same significant bits: the same bytes to a lenient decoder. */
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const respelt = (base64url: string) =>
    base64url.slice(0, -1) + alphabet[alphabet.indexOf(base64url.at(-1) ?? '') + 1];
  const json = JSON.stringify(body());
  /** A payload whose last character has unused bits. */
  const odd = encode(json.length % 3 === 0 ? json.replace('{', '{ ') : json);

  it.each<[string, string]>([
    [
      'a tampered payload',
      `${goodHead}.${encode(text({ ...body(), sub: 'root' }))}.${goodSignature}`,
    ],
    ['a tampered header', `${encode(text({ ...head, x: 1 }))}.${goodBody}.${goodSignature}`],
    ['no signature', `${goodHead}.${goodBody}.`],
    ['half a signature', good.slice(0, -171)],
    ['a longer signature', `${good}AAAA`],
    ['two parts', `${goodHead}.${goodBody}`],
    ['four parts', `${good}.${goodSignature}`],
    ['five parts', `${goodHead}..${goodBody}.${goodSignature}.x`],
    ['a dot before', `.${good}`],
    ['a dot behind', `${good}.`],
    ['padding', `${good}==`],
    ['padding inside', `${goodHead}=.${goodBody}.${goodSignature}`],
    ['standard base64 in the signature', `${goodHead}.${goodBody}.+${goodSignature.slice(1)}`],
    ['another spelling of the signature', `${goodHead}.${goodBody}.${respelt(goodSignature)}`],
    ['another spelling of the payload', signedParts(goodHead, respelt(odd))],
    ['percent-encoding', good.replace('.', '%2E')],
    ['a space inside', good.replace('.', '. ')],
    ['a tab inside', good.replace('.', '\t.')],
    [
      'JSON serialization',
      JSON.stringify({ payload: goodBody, protected: goodHead, signature: goodSignature }),
    ],
    ['a payload with a byte order mark', signed(head, `\uFEFF${json}`)],
    ['a payload in UTF-16', signedParts(goodHead, encode(Buffer.from(json, 'utf16le')))],
    [
      'a payload with bytes that are not UTF-8',
      signedParts(goodHead, encode(Buffer.from(json.replace('alice', 'ali\xe9e'), 'latin1'))),
    ],
    [
      'a payload with an overlong character',
      signedParts(goodHead, encode(Buffer.from(json.replace('alice', 'ali\xc0\xafe'), 'latin1'))),
    ],
    ['a payload with a NUL behind', signed(head, `${json}\0`)],
    ['two payloads', signed(head, json + json)],
    ['a payload that is a token', signed(head, good)],
    ['a payload that is a list', signed(head, [body()])],
    ['a payload of 17 kB', token({ blob: 'b'.repeat(13_000) })],
    ['5000 levels', tokenJson(`"exp":${now() + 600},"a":${'['.repeat(5000)}${']'.repeat(5000)}`)],
    ['eleven levels', tokenJson(`"exp":${now() + 600},"a":${'['.repeat(10)}${']'.repeat(10)}`)],
    [
      '800 members',
      tokenJson(`"exp":${now() + 600},${Array.from({ length: 800 }, (_, n) => `"${n}":0`)}`),
    ],
    ['sub twice', tokenJson(`"exp":${now() + 600},"sub":"root"`)],
    ['sub twice, once escaped', tokenJson(`"exp":${now() + 600},"\\u0073ub":"root"`)],
    ['__proto__', tokenJson(`"exp":${now() + 600},"__proto__":{"azp":"root"}`)],
  ])('is refused: %s', async (_what, jwt) => {
    expect((await ask(jwt)).outcome).toBe('401 invalid_token');
  });

  it('may not end with a line break: HTTP has no such header', async () => {
    await expect(ask(`${good}\n`)).rejects.toThrow('Invalid character');
  });
});

describe('a claim', () => {
  it.each<[string, object, string]>([
    ['exp missing', { exp: undefined }, 'invalid_token'],
    ['exp null', { exp: null }, 'invalid_token'],
    ['exp a text', { exp: `${now() + 600}` }, 'invalid_token'],
    ['exp a list', { exp: [now() + 600] }, 'invalid_token'],
    ['exp true', { exp: true }, 'invalid_token'],
    ['exp 1e308', { exp: 1e308 }, 'invalid_token'],
    ['exp in milliseconds', { exp: Date.now() * 1000 }, 'invalid_token'],
    ['exp negative', { exp: -1 }, 'invalid_token'],
    ['exp zero', { exp: 0 }, 'token_expired'],
    ['exp a second ago: skew is not for exp', { exp: now() - 1 }, 'token_expired'],
    ['nbf in a minute', { nbf: now() + 60 }, 'token_not_yet_valid'],
    ['nbf a text', { nbf: '1' }, 'invalid_token'],
    ['iat in a minute', { iat: now() + 60 }, 'token_not_yet_valid'],
    ['iat null', { iat: null }, 'invalid_token'],
    ['sub empty', { sub: '' }, 'invalid_token'],
    ['sub null', { sub: null }, 'invalid_token'],
    ['sub a number', { sub: 7 }, 'invalid_token'],
    ['sub an object', { sub: { id: 'alice' } }, 'invalid_token'],
    ['sub with NUL', { sub: 'root\0' }, 'invalid_token'],
    ['sub with a line break', { sub: 'a\r\nX-Admin: 1' }, 'invalid_token'],
    ['sub of 256 characters', { sub: 's'.repeat(256) }, 'invalid_token'],
    ['sub of 9 kB', { sub: 's'.repeat(9000) }, 'invalid_token'],
    ['sub with a lone surrogate', { sub: '\ud800' }, 'invalid_token'],
    ['jti an object', { jti: {} }, 'invalid_token'],
    ['the client missing', { azp: undefined }, 'no_client_id'],
    ['the client empty', { azp: '' }, 'no_client_id'],
    ['the client null', { azp: null }, 'no_client_id'],
    ['the client a list', { azp: ['web'] }, 'no_client_id'],
    ['the client an object', { azp: {} }, 'no_client_id'],
    ['the client with NUL', { azp: 'web\0' }, 'no_client_id'],
    ['the client with a line break', { azp: 'web\n' }, 'no_client_id'],
    ['the client of 9 kB', { azp: 'w'.repeat(9000) }, 'no_client_id'],
    ['aud missing', { aud: undefined }, 'wrong_audience'],
    ['aud of others', { aud: 'billing' }, 'wrong_audience'],
    ['aud in another case', { aud: 'Orders' }, 'wrong_audience'],
    ['aud that only begins alike', { aud: 'orders2' }, 'wrong_audience'],
    ['aud that contains ours', { aud: 'orders stock' }, 'wrong_audience'],
    ['aud empty', { aud: '' }, 'wrong_audience'],
    ['aud an empty list', { aud: [] }, 'wrong_audience'],
    ['aud a list in a list', { aud: [['orders']] }, 'wrong_audience'],
    ['aud an object', { aud: { orders: true } }, 'wrong_audience'],
    ['aud a number', { aud: 0 }, 'wrong_audience'],
    ['aud with ours beside a number', { aud: ['orders', 7] }, 'invalid_token'],
    ['iss missing', { iss: undefined }, 'unknown_issuer'],
    ['iss of others', { iss: 'https://evil.example' }, 'unknown_issuer'],
    ['iss with a slash more', { iss: `${acme}/` }, 'unknown_issuer'],
    ['iss in another case', { iss: acme.replace('idp', 'IDP') }, 'unknown_issuer'],
    ['iss in a list', { iss: [acme] }, 'unknown_issuer'],
    ['iss null', { iss: null }, 'unknown_issuer'],
    ['iss of the partner', { iss: partner }, 'invalid_token'],
    ['iss ourselves', { iss: 'https://countersign.example.com' }, 'unknown_issuer'],
    ['act a text', { act: 'root' }, 'invalid_token'],
    ['cnf, without a certificate', { cnf: { 'x5t#S256': 'x' } }, 'unconfirmed_token'],
    ['cnf jkt', { cnf: { jkt: 'x' } }, 'unconfirmed_token'],
    ['cnf jwk', { cnf: { jwk: {} } }, 'unconfirmed_token'],
    ['cnf empty', { cnf: {} }, 'unconfirmed_token'],
    ['cnf null', { cnf: null }, 'unconfirmed_token'],
    ['cnf a text', { cnf: 'x' }, 'unconfirmed_token'],
  ])('is refused: %s', async (_what, claims, reason) => {
    expect((await ask(token(claims))).outcome).toBe(`401 ${reason}`);
  });

  it.each(['1e400', '-1e400', 'Infinity', 'NaN', '0x7fffffff', '1e', '+1', `${2n ** 64n}`])(
    'is refused: exp %s',
    async (exp) => {
      expect((await ask(tokenJson(`"exp":${exp}`))).outcome).toBe('401 invalid_token');
    },
  );
});

describe('a token that is bound to a certificate (RFC 8705 §3.1)', () => {
  const mine = issueCertificate({ subject: name({ CN: 'mine' }) }).der;
  const other = issueCertificate({ subject: name({ CN: 'other' }) }).der;
  const header = (der: Buffer) => ['Client-Cert', `:${der.toString('base64')}:`];
  const cnf = { 'x5t#S256': certificateThumbprint(mine) };

  it('passes with that certificate, and the new token is not bound', async () => {
    const answer = await ask(token({ cnf }), header(mine));
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.headers['x-custom-jwt'])).not.toHaveProperty('cnf');
  });

  it.each<[string, object, string[]]>([
    ['with another certificate', cnf, header(other)],
    ['without one', cnf, []],
    ['with an unset placeholder for one', cnf, ['Client-Cert', '{http.request.tls.client}']],
    ['with a certificate that is none', cnf, ['Client-Cert', ':AAAA:']],
    ['when it is bound to a DPoP key too', { ...cnf, jkt: 'x' }, header(mine)],
    [
      'by a thumbprint in hex',
      { 'x5t#S256': Buffer.from(cnf['x5t#S256'], 'base64url').toString('hex') },
      header(mine),
    ],
    ['by an older thumbprint', { x5t: cnf['x5t#S256'] }, header(mine)],
    ['by a list', { 'x5t#S256': [cnf['x5t#S256']] }, header(mine)],
  ])('is refused %s', async (_what, confirmation, headers) => {
    expect((await ask(token({ cnf: confirmation }), headers)).outcome).toBe(
      '401 unconfirmed_token',
    );
  });

  it('is not let through by a token that was kept for the right certificate', async () => {
    const jwt = token({ cnf, jti: 'kept' });
    expect((await ask(jwt, header(mine))).status).toBe(200);
    expect((await ask(jwt, header(other))).status).toBe(401);
    expect((await ask(jwt)).status).toBe(401);
  });
});

// Last, because the clock does not go back.
describe('time', () => {
  it('ends a token, though it was kept for reuse', async () => {
    const exp = now() + 600;
    const jwt = token({ exp });
    const first = await ask(jwt);
    service.advance(200);
    const kept = await ask(jwt);
    expect(kept.headers['x-custom-jwt']).toBe(first.headers['x-custom-jwt']);
    expect(claimsOf(kept.headers['x-custom-jwt'])['exp']).toBe(exp);
    service.advance(401);
    expect((await ask(jwt)).outcome).toBe('401 token_expired');
  });

  it('makes a token valid that was not yet', async () => {
    const jwt = token({ nbf: now() + 700, exp: now() + 2000 });
    expect((await ask(jwt)).outcome).toBe('401 token_not_yet_valid');
    service.advance(100);
    expect((await ask(jwt)).outcome).toBe('200 allowed');
  });
});
