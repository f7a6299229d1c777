import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  asNginx,
  basic,
  call,
  endAll,
  freshDirectory,
  listenOn,
  type Ports,
  patience,
  type Serving,
  serve,
  writeFiles,
} from '../support/process.ts';
import { python, type VerificationJob, verifyInPython } from '../support/python.ts';

jest.setTimeout(patience);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const issuer = 'https://countersign.example.com';
const audience = 'https://api.example.com';

const configuration = (algorithm: string) => (ports: Ports) =>
  `
issuer: ${issuer}
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any, reuse: 'off' }
default_route: {}
routes: [{ match: { paths: [/brief] }, token: { expires_in: 1s } }]
keys: { algorithm: ${algorithm}, private_jwk_file: signing.key }
clients: [{ id: orders, secret_sha256: ${sha256('orders-secret')}, may: [introspect], audiences: any }]
drain: 0s
`;

const pemOf = ({ privateKey }: ReturnType<typeof generateKeyPairSync>) =>
  String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const ec = (namedCurve: string) => pemOf(generateKeyPairSync('ec', { namedCurve }));
const secret = randomBytes(64).toString('base64url');

/** One RSA key serves all six: making one is what takes time. */
const rsa = pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const asymmetric: readonly (readonly [string, string])[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, rsa] as const),
  ['ES256', ec('P-256')],
  ['ES384', ec('P-384')],
  ['ES512', ec('P-521')],
];

function serveWith(algorithm: string, key: string): Promise<Serving> {
  const directory = freshDirectory();
  writeFiles(directory, { 'signing.key': key });
  return serve(configuration(algorithm), { directory });
}

async function tokenOf({ ports }: Serving, path = '/orders'): Promise<string> {
  const ask = asNginx({ Authorization: basic('alice', 'secret') }, `${audience}${path}`);
  return String((await call({ port: ports.auth, ...ask })).headers['x-custom-jwt']);
}

const jwksOf = ({ ports }: Serving) => ({ jwks_url: `http://127.0.0.1:${ports.public}/jwks` });

/** What a backend in Python makes of a new token of the service. */
async function verdictOn(running: Serving, job: Partial<VerificationJob>): Promise<unknown> {
  const token = job.token ?? (await tokenOf(running));
  const usual = { algorithm: 'RS256', keys: jwksOf(running), audience, issuer };
  return verifyInPython({ ...usual, ...job, token });
}

const accepted = {
  claims: expect.objectContaining({ iss: issuer, aud: audience, client_id: 'alice' }),
};

(python === undefined ? describe.skip : describe)('a backend in Python', () => {
  describe('verifies, through the JWKS,', () => {
    afterEach(endAll);

    it.each(asymmetric)('tokens signed with %s, by PyJWT', async (algorithm, key) => {
      const running = await serveWith(algorithm, key);
      expect(await verdictOn(running, { algorithm })).toEqual(accepted);
    });

    // PyJWT has this algorithm only under its old name, EdDSA (RFC 9864 deprecates it).
    it('tokens signed with Ed25519, by cryptography and without PyJWT', async () => {
      const running = await serveWith('Ed25519', pemOf(generateKeyPairSync('ed25519')));
      expect(await verdictOn(running, { algorithm: 'Ed25519' })).toEqual(accepted);
      const [header, , signature] = (await tokenOf(running)).split('.');
      const [, payload] = (await tokenOf(running)).split('.');
      const token = [header, payload, signature].join('.');
      expect(await verdictOn(running, { algorithm: 'Ed25519', token })).toEqual({
        error: 'InvalidSignature',
      });
    });
  });

  describe('verifies signed answers to introspection (RFC 9701)', () => {
    afterEach(endAll);

    async function introspect({ ports }: Serving, token: string): Promise<string> {
      const { body, headers } = await call({
        port: ports.public,
        path: '/introspect',
        method: 'POST',
        headers: {
          Accept: 'application/token-introspection+jwt',
          'Content-Type': 'application/x-www-form-urlencoded',
          Authorization: basic('orders', 'orders-secret'),
        },
        body: `token=${token}`,
      });
      expect(headers['content-type']).toBe('application/token-introspection+jwt');
      return body;
    }

    it.each([
      ['RS256', rsa],
      ['PS256', rsa],
      ['ES256', ec('P-256')],
    ])(
      'signed with %s, by PyJWT, for the client that asked and nobody else',
      async (algorithm, key) => {
        const running = await serveWith(algorithm, key);
        const accessToken = await tokenOf(running);
        const token = await introspect(running, accessToken);
        const job = { algorithm, token, required: ['iss', 'aud', 'iat'] };
        const claims = JSON.parse(
          Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString(),
        );
        expect(await verdictOn(running, { ...job, audience: 'orders' })).toEqual({
          claims: {
            ...{ iss: issuer, aud: 'orders', iat: expect.any(Number) },
            token_introspection: { ...claims, active: true, token_type: 'Bearer' },
          },
        });
        expect(await verdictOn(running, job)).toEqual({ error: 'InvalidAudienceError' });
        // What an access token must have is not there.
        expect(await verdictOn(running, { algorithm, token, audience: 'orders' })).toEqual({
          error: 'MissingRequiredClaimError',
        });
      },
    );
  });

  describe('verifies, with the key it shares,', () => {
    afterEach(endAll);

    it.each(['HS256', 'HS512'])('tokens signed with %s, by PyJWT', async (algorithm) => {
      const jwk = { kty: 'oct', alg: algorithm, k: secret };
      const running = await serveWith(algorithm, JSON.stringify(jwk));
      expect(await verdictOn(running, { algorithm, keys: { secret } })).toEqual(accepted);
      const other = { secret: randomBytes(64).toString('base64url') };
      expect(await verdictOn(running, { algorithm, keys: other })).toEqual({
        error: 'InvalidSignatureError',
      });
      const published = await call({ port: running.ports.public, path: '/jwks' });
      expect(JSON.parse(published.body)).toEqual({ keys: [] });
    });
  });

  describe('refuses', () => {
    let running: Serving;
    beforeAll(async () => {
      running = await serveWith('RS256', rsa);
    });
    afterAll(endAll);

    it('a token for another audience', async () => {
      const verdict = await verdictOn(running, { audience: 'https://other.example.com' });
      expect(verdict).toEqual({ error: 'InvalidAudienceError' });
    });

    it('a token of another issuer', async () => {
      const verdict = await verdictOn(running, { issuer: 'https://other.example.com' });
      expect(verdict).toEqual({ error: 'InvalidIssuerError' });
    });

    it('a token that has expired', async () => {
      const token = await tokenOf(running, '/brief');
      const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      while (Date.now() <= exp * 1000) await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await verdictOn(running, { token })).toEqual({ error: 'ExpiredSignatureError' });
    });

    it('a token whose claims were changed', async () => {
      const [header, payload = '', signature] = (await tokenOf(running)).split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
      const changed = Buffer.from(JSON.stringify({ ...claims, client_id: 'root' }));
      const token = [header, changed.toString('base64url'), signature].join('.');
      expect(await verdictOn(running, { token })).toEqual({ error: 'InvalidSignatureError' });
    });

    it('a token whose key is not in the JWKS', async () => {
      const [, payload, signature] = (await tokenOf(running)).split('.');
      const header = Buffer.from('{"alg":"RS256","kid":"other"}').toString('base64url');
      const token = [header, payload, signature].join('.');
      expect(await verdictOn(running, { token })).toEqual({ error: 'PyJWKClientError' });
    });
  });
});
