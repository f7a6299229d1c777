import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { listRows } from '../../src/config/table.ts';
import { type Issued, issueAuthority, issueCertificate, name } from '../support/certificates.ts';
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts';
import {
  asNginx,
  basic,
  type Called,
  call,
  countersign,
  endAll,
  freePorts,
  freshDirectory,
  listenOn,
  type Ports,
  patience,
  type Serving,
  serve,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);

/** Everything secret that the tests send or get: none of it may turn up in a log or a refusal. */
const secrets = new Set<string>();

function secret(text = `canary-${randomBytes(12).toString('hex')}`): string {
  secrets.add(text);
  return text;
}

/** A token is secret as a whole, and so are its claims and its signature. */
function secretToken(jwt: string): string {
  for (const part of [jwt, ...jwt.split('.').slice(1)]) secret(part);
  return jwt;
}

function secretBasic(user: string, password: string): string {
  const value = basic(user, secret(password));
  secret(value.slice('Basic '.length));
  return value;
}

const idpSecret = secret();
const gatewaySecret = secret();
const clientSecret = secret();
const password = secret();

const authority = issueAuthority({ subject: name({ O: 'Acme', CN: 'Clients CA' }) });
const stranger = issueAuthority({ subject: name({ O: 'Acme', CN: 'Other CA' }) });
const certificateOf = (issuer: Issued) => {
  const { pem } = issueCertificate({ subject: name({ O: 'Acme', CN: 'client-1' }) }, issuer);
  for (const line of pem.split('\n').slice(1, -2)) secret(line);
  return { 'X-SSL-Client-Verify': 'SUCCESS', 'X-SSL-Client-Cert': encodeURIComponent(pem) };
};

let idp: IdentityProvider;
beforeAll(async () => {
  idp = await startIdentityProvider({ id: 'countersign', secret: idpSecret });
});
afterAll(async () => {
  await endAll();
  await idp.close();
});

const configuration = (credentials: string, level: string) => (ports: Ports) =>
  `
issuer: https://countersign.example.com
${listenOn(ports)}
callers: { secret_file: gateway.secret }
gateways: { nginx: { client_certificate: true } }
credentials:${credentials}
token: { upstream_hosts: any, claims: { path: request.path } }
default_route: {}
keys: { algorithm: ES256 }
clients:
  - { id: orders, secret_sha256_file: orders.sha256, may: [introspect], audiences: any }
errors: { verbose: true }
log: { level: ${level}, decisions: all }
audit: { file: audit.jsonl, required: true }
drain: 0s
`;

type At = Pick<IdentityProvider, 'issuer' | 'introspectionEndpoint'>;

const verified = ({ issuer, introspectionEndpoint }: At = idp) => `
  - bearer: { verify: { issuer: '${issuer}', audiences: [account] } }
  - bearer:
      client_id: [client_id]
      verify:
        introspection:
          endpoint: ${introspectionEndpoint}
          client_id: countersign
          client_secret_file: idp.secret
  - basic: { verify: { htpasswd_file: users.htpasswd } }
  - client_certificate: { verify: { ca_file: clients-ca.pem } }
  - api_key: { verify: { keys_file: api-keys.yaml } }`;

const trusted = () => `
  - bearer: { trust: gateway }
  - basic: { trust: gateway }
  - client_certificate: { trust: gateway }
  - api_key: { trust: gateway }`;

/** The files as the commands make them; returns the API key that was generated. */
async function writeCredentialFiles(directory: string): Promise<string> {
  const run = async (args: readonly string[], input = '') => {
    const { code, stdout } = await countersign(['hash', ...args], { input });
    expect(code).toBe(0);
    return stdout;
  };
  const generated = await run(['--key', '--generate', '--owner', 'ci']);
  const [, apiKey = '', , , ...entry] = generated.split('\n');
  writeFiles(directory, {
    'gateway.secret': `${gatewaySecret}\n`,
    'idp.secret': `${idpSecret}\n`,
    'orders.sha256': await run(['--key'], `${clientSecret}\n`),
    'users.htpasswd': `alice:${await run([], `${password}\n`)}`,
    'clients-ca.pem': authority.pem,
    'api-keys.yaml': entry.join('\n'),
  });
  return secret(apiKey);
}

async function start(credentials: string, level = 'debug') {
  const directory = freshDirectory();
  const apiKey = await writeCredentialFiles(directory);
  const running = await serve(configuration(credentials, level), { directory });
  for (const file of readdirSync(join(directory, 'data/keys'))) {
    secret(JSON.parse(readFileSync(join(directory, 'data/keys', file), 'utf8')).d);
  }
  return { running, apiKey };
}

type Headers = Readonly<Record<string, string | string[]>>;
const bodies: string[] = [];
const statuses: number[] = [];

/** Asks as nginx does; what a client adds to its URL is nobody's to write down. */
async function ask({ ports }: Serving, headers: Headers): Promise<Called> {
  const url = `https://api.example.com/orders?access_token=${secret()}`;
  const { path, headers: original } = asNginx({ 'X-Countersign-Secret': gatewaySecret }, url);
  const answer = await call({ port: ports.auth, path, headers: { ...original, ...headers } });
  bodies.push(answer.body, String(answer.headers['x-auth-error']));
  statuses.push(answer.status);
  const jwt = answer.headers['x-custom-jwt'];
  if (jwt !== undefined) secretToken(String(jwt));
  return answer;
}

async function introspect(
  { ports }: Serving,
  { authorization, ...form }: Readonly<Record<string, string>>,
): Promise<Called> {
  const answer = await call({
    port: ports.public,
    path: '/introspect',
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      ...(authorization !== undefined && { Authorization: authorization }),
    },
    body: new URLSearchParams(form).toString(),
  });
  if (answer.status !== 200) bodies.push(answer.body);
  return answer;
}

const linesOf = (text: string): Readonly<Record<string, unknown>>[] =>
  text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));

/** Ends the process, and looks at everything it wrote and told, and said when it refused. */
async function expectDiscretion(running: Serving, decisionsLogged = true): Promise<void> {
  const { body: metrics } = await call({ port: running.ports.ops, path: '/metrics' });
  running.kill('SIGTERM');
  const { stdout, stderr } = await running.ended;
  const audit = readFileSync(join(running.directory, 'audit.jsonl'), 'utf8');
  const allowed = statuses.filter((status) => status === 200).length;
  const answered = { allowed, refused: statuses.length - allowed };
  const count = (text: string, member: string) => ({
    allowed: linesOf(text).filter((line) => line[member] === 'allowed').length,
    refused: linesOf(text).filter((line) => line[member] === 'refused').length,
  });
  expect(count(audit, 'decision')).toEqual(answered);
  expect(count(stdout, 'msg')).toEqual(decisionsLogged ? answered : { allowed: 0, refused: 0 });
  const written = [stdout, stderr, audit, metrics, ...bodies].join('\n');
  const isWritten = (one: string) => spellingsOf(one).some((text) => written.includes(text));
  expect([...secrets].filter(isWritten)).toEqual([]);
}

/** As it is, in hexadecimal, percent-encoded, and wherever it may stand in something in base64. */
function spellingsOf(one: string): string[] {
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(one)]);
    // Characters that also hold bits of what is before or after it.
    const whole = bytes.toString('base64url').slice(Math.ceil((before * 8) / 6));
    const sure = bytes.length % 3 === 0 ? whole : whole.slice(0, -1);
    return [sure, sure.replaceAll('-', '+').replaceAll('_', '/')];
  });
  return [one, encodeURIComponent(one), Buffer.from(one).toString('hex'), ...inBase64];
}

/** A token of the identity provider whose claims nobody should write down either. */
const issueJwt = async (claims: JWTPayload = {}) =>
  secretToken(await idp.issue({ clientId: 'shop', sub: 'u1', email: secret(), ...claims }));

/** Credentials that no mode accepts. */
const hopeless = (): Headers[] => [
  {},
  { Authorization: `Bearer ${secret()}` },
  { Authorization: `Bearer ${secretToken(`${secret()}.${secret()}.${secret()}`)}` },
  { Authorization: `Basic ${secret()}` },
  { Authorization: `Basic ${secret(Buffer.from(secret()).toString('base64'))}` },
  { Authorization: `Digest ${secret()}` },
  { Authorization: secret() },
  { Authorization: [`Bearer ${secret()}`, secretBasic('alice', secret())] },
  { 'X-SSL-Client-Verify': 'SUCCESS', 'X-SSL-Client-Cert': secret() },
  { 'X-SSL-Client-Verify': secret(), 'X-SSL-Client-Cert': secret() },
  { apikey: [secret(), secret()] },
  { 'Api.Key': secret(), Api_Key: secret(), apikey: '' },
  { Authorization: secretBasic('alice', secret()), 'X-Countersign-Secret': secret() },
  { Authorization: secretBasic('alice', secret()), 'X-Custom_Jwt': secret() },
];

describe('credentials that are verified here, with files that the commands made', () => {
  let running: Serving;
  let apiKey: string;
  beforeAll(async () => {
    ({ running, apiKey } = await start(verified()));
  });

  /** @returns the claims of the token, verified as a backend does */
  async function claimsFor(headers: Headers): Promise<JWTPayload> {
    const answer = await ask(running, headers);
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: '' });
    const { body } = await call({ port: running.ports.public, path: '/jwks' });
    const jwt = String(answer.headers['x-custom-jwt']);
    const options = {
      issuer: 'https://countersign.example.com',
      audience: 'https://api.example.com',
      algorithms: ['ES256'],
    };
    return (await jwtVerify(jwt, createLocalJWKSet(JSON.parse(body)), options)).payload;
  }
  const reasonFor = async (headers: Headers) => {
    const { status, body } = await ask(running, headers);
    return `${status} ${JSON.parse(body).detail}`;
  };
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

  it('takes a JWT of an issuer whose keys it finds by discovery', async () => {
    const claims = await claimsFor(bearer(await issueJwt({ tenant: 'acme' })));
    expect(claims).toMatchObject({ client_id: 'shop', sub: 'u1', tenant: 'acme', path: '/orders' });
    expect(Number(claims.exp) - Number(claims.iat)).toBeLessThanOrEqual(600);

    const [header, payload = '', signature] = (await issueJwt()).split('.');
    const claimed = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), clientId: 'x' };
    const forged = [header, Buffer.from(JSON.stringify(claimed)).toString('base64url'), signature];
    expect(await reasonFor(bearer(secretToken(forged.join('.'))))).toMatch(/^401 invalid_token/);
    const foreign = await issueJwt({ aud: 'other' });
    expect(await reasonFor(bearer(foreign))).toMatch(/^401 wrong_audience/);
  });

  it('takes an opaque token that its authorization server says is active', async () => {
    const token = secret();
    const expires = Math.floor(Date.now() / 1000) + 300;
    idp.activate(token, { client_id: 'batch', scope: 'read', exp: expires });
    const claims = await claimsFor(bearer(token));
    expect(claims).toMatchObject({ client_id: 'batch', scope: 'read' });
    expect(Number(claims.exp)).toBeLessThanOrEqual(expires);
    expect(await reasonFor(bearer(secret()))).toMatch(/^401 inactive_token/);
  });

  it('takes a password whose hash `countersign hash` made', async () => {
    const right = { Authorization: secretBasic('alice', password) };
    expect(await claimsFor(right)).toMatchObject({ client_id: 'alice' });
    const wrong = { Authorization: secretBasic('alice', secret()) };
    expect(await reasonFor(wrong)).toMatch(/^401 wrong_password/);
    const nobody = { Authorization: secretBasic('bob', password) };
    expect(await reasonFor(nobody)).toMatch(/^401 wrong_password/);
  });

  it('takes a certificate that the configured authority issued', async () => {
    expect(await claimsFor(certificateOf(authority))).toMatchObject({
      client_id: 'O=Acme, CN=client-1',
    });
    expect(await reasonFor(certificateOf(stranger))).toMatch(/^401 untrusted_certificate/);
  });

  it('takes an API key that `countersign hash --key --generate` made', async () => {
    expect(await claimsFor({ apikey: apiKey })).toMatchObject({ client_id: 'ci' });
    expect(await reasonFor({ apikey: secret() })).toMatch(/^401 unknown_api_key/);
  });

  it('introspects a token for a client whose secret `countersign hash --key` hashed', async () => {
    const { headers } = await ask(running, { apikey: apiKey });
    const token = String(headers['x-custom-jwt']);
    const authorization = secretBasic('orders', clientSecret);
    const answer = await introspect(running, { authorization, token });
    expect(JSON.parse(answer.body)).toMatchObject({ active: true, client_id: 'ci' });

    const posted = { client_id: 'orders', client_secret: clientSecret, token };
    expect((await introspect(running, posted)).status).toBe(200);
    const wrong = { authorization: secretBasic('orders', secret()), token };
    expect((await introspect(running, wrong)).status).toBe(401);
    const wrongPosted = { client_id: 'orders', client_secret: secret(), token };
    expect((await introspect(running, wrongPosted)).status).toBe(401);
    const other = await introspect(running, { authorization, token: secret() });
    expect(other.body).toBe('{"active":false}');
    const checked = await call({
      port: running.ports.public,
      path: '/introspect',
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(checked).toMatchObject({ status: 200, body: '{"message":"Ok"}' });
  });

  it('writes down every decision, and none of the credentials, secrets, keys and tokens', async () => {
    for (const headers of hopeless()) {
      expect([401, 403]).toContain((await ask(running, headers)).status);
    }
    await expectDiscretion(running);
  });
});

describe('credentials that the gateway is trusted to have verified', () => {
  beforeAll(() => {
    statuses.length = 0;
  });

  it('are written down nowhere either, let through or not', async () => {
    const { running } = await start(trusted());
    const status = async (headers: Headers) => (await ask(running, headers)).status;
    expect(await status({ Authorization: `Bearer ${await issueJwt()}` })).toBe(200);
    expect(await status({ Authorization: secretBasic('alice', secret()) })).toBe(200);
    expect(await status(certificateOf(stranger))).toBe(200);
    expect(await status({ apikey: secret() })).toBe(200);
    for (const headers of hopeless()) expect([401, 403]).toContain(await status(headers));

    await expectDiscretion(running);
  });
});

/** All that the configuration takes, whatever comes to it. */
const levels = listRows().flatMap(({ steps, schema }) =>
  steps.join('.') === 'log.level' ? (schema.enum as string[]) : [],
);

describe.each(levels)('at log level %s, while the identity provider is down', (level) => {
  beforeAll(() => {
    statuses.length = 0;
  });

  it('nothing secret is written, of what is let through, refused, or cannot be decided', async () => {
    const nowhere = `http://127.0.0.1:${(await freePorts(1))[0]}`;
    const down = { issuer: nowhere, introspectionEndpoint: `${nowhere}/introspect` };
    const { running, apiKey } = await start(verified(down), level);
    const status = async (headers: Headers) => (await ask(running, headers)).status;
    for (const headers of [
      { Authorization: secretBasic('alice', password) },
      certificateOf(authority),
      { apikey: apiKey },
    ]) {
      expect(await status(headers)).toBe(200);
    }
    const token = await issueJwt({ iss: nowhere });
    for (const bearer of [token, secret()]) {
      const { body } = await ask(running, { Authorization: `Bearer ${bearer}` });
      expect(JSON.parse(body).detail).toMatch(/^issuer_unavailable/);
    }
    for (const headers of hopeless()) expect([401, 403]).toContain(await status(headers));
    for (const [name, given] of [
      ['orders', clientSecret],
      ['orders', secret()],
      [secret(), secret()],
    ] as const) {
      await introspect(running, { authorization: secretBasic(name, given), token });
      await introspect(running, { client_id: name, client_secret: given, token });
    }
    await expectDiscretion(running, ['info', 'debug', 'trace'].includes(level));
  });
});
