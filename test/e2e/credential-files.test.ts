import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { issueAuthority, issueCertificate, name } from '../support/certificates.ts';
import {
  asNginx,
  basic,
  type Called,
  call,
  countersign,
  endAll,
  freshDirectory,
  listenOn,
  type Ports,
  patience,
  type Serving,
  serve,
  until,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);

const configuration = (ports: Ports) => `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: { client_certificate: true } }
credentials:
  - bearer:
      client_id: sub
      verify: { issuer: 'https://idp.example.com', audiences: any, jwks_file: idp.jwks.json, algorithms: [ES256] }
  - basic: { verify: { htpasswd_file: mount/users.htpasswd } }
  - client_certificate: { verify: { ca_file: clients-ca.pem } }
  - api_key: { verify: { keys_file: api-keys.yaml } }
token: { audience: https://orders.internal }
keys: { algorithm: ES256 }
clients: [{ id: signing, jwks_file: signing.jwks.json, may: [introspect], audiences: any }]
drain: 0s
`;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const keyEntry = (key: string) => `- { owner: ci, sha256: "${sha256(key)}" }\n`;

const authority = issueAuthority({ subject: name({ O: 'Acme', CN: 'Clients CA' }) });
const otherAuthority = issueAuthority({ subject: name({ O: 'Acme', CN: 'Other CA' }) });
const certificate = issueCertificate({ subject: name({ O: 'Acme', CN: 'c1' }) }, authority).pem;

const signer = await generateKeyPair('ES256');
const otherSigner = await generateKeyPair('ES256');
const jwksOf = async ({ publicKey }: typeof signer) =>
  JSON.stringify({ keys: [await exportJWK(publicKey)] });

let running: Serving;
let aliceLine: string;
let jwt: string;
const inDirectory = (file: string) => join(running.directory, file);

beforeAll(async () => {
  const { stdout } = await countersign(['hash'], { input: 'alice-password\n' });
  aliceLine = `alice:${stdout}`;
  jwt = await new SignJWT({ iss: 'https://idp.example.com', sub: 'u1' })
    .setProtectedHeader({ alg: 'ES256' })
    .setExpirationTime('1h')
    .sign(signer.privateKey);
  const directory = freshDirectory();
  writeFiles(directory, {
    'mount/..one/users.htpasswd': aliceLine,
    'clients-ca.pem': authority.pem,
    'api-keys.yaml': keyEntry('key-one'),
    'idp.jwks.json': await jwksOf(signer),
    'signing.jwks.json': await jwksOf(signer),
  });
  symlinkSync('..one', join(directory, 'mount/..data'));
  symlinkSync('..data/users.htpasswd', join(directory, 'mount/users.htpasswd'));
  running = await serve(configuration, { directory });
});
afterAll(endAll);

const credentials: Readonly<Record<string, () => Readonly<Record<string, string>>>> = {
  basic: () => ({ Authorization: basic('alice', 'alice-password') }),
  bearer: () => ({ Authorization: `Bearer ${jwt}` }),
  certificate: () => ({
    'X-SSL-Client-Verify': 'SUCCESS',
    'X-SSL-Client-Cert': encodeURIComponent(certificate),
  }),
  apiKey: () => ({ apikey: 'key-one' }),
};

const ask = (kind: string): Promise<Called> =>
  call({ port: running.ports.auth, ...asNginx(credentials[kind]?.()) });
const statusOf = async (kind: string) => (await ask(kind)).status;

/** A token is being reused: the next request would get the very same one. */
async function expectReuse(kind: string): Promise<void> {
  const [first, second] = [await ask(kind), await ask(kind)];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(second.headers['x-custom-jwt']).toBe(first.headers['x-custom-jwt']);
}

/** Asks until the answer is another one. @returns the milliseconds that took */
async function untilAnswer(kind: string, status: number): Promise<number> {
  const begun = Date.now();
  await until(async () => (await statusOf(kind)) === status, running);
  return Date.now() - begun;
}

const warnings = () =>
  running
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"level":"warn"'))
    .map((line) => JSON.parse(line));

/** Points `..data` elsewhere, as Kubernetes does. */
function swapMount(version: string, users: string): void {
  const mount = inDirectory('mount');
  mkdirSync(join(mount, `..${version}`));
  writeFileSync(join(mount, `..${version}`, 'users.htpasswd'), users);
  symlinkSync(`..${version}`, join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
}

describe('a change of who may call counts within a second, without a restart,', () => {
  it('for a user who is removed, though a token of theirs is being reused', async () => {
    const took: number[] = [];
    // The machine may be busy with other tests: once is enough.
    for (const round of ['a', 'b', 'c']) {
      await expectReuse('basic');
      swapMount(`without-alice-${round}`, `bob:${aliceLine.slice('alice:'.length)}`);
      took.push(await untilAnswer('basic', 401));
      swapMount(`with-alice-${round}`, aliceLine);
      await untilAnswer('basic', 200);
    }
    expect(Math.min(...took)).toBeLessThan(1_000);
  });

  it('for an API key that is removed', async () => {
    await expectReuse('apiKey');
    writeFileSync(inDirectory('api-keys.yaml'), keyEntry('key-two'));
    await untilAnswer('apiKey', 401);
    writeFileSync(inDirectory('api-keys.yaml'), keyEntry('key-one'));
    await untilAnswer('apiKey', 200);
  });

  it('for a CA that is trusted no more', async () => {
    await expectReuse('certificate');
    writeFileSync(inDirectory('clients-ca.pem'), otherAuthority.pem);
    await untilAnswer('certificate', 401);
  });

  it('for a key that an issuer has no more', async () => {
    await expectReuse('bearer');
    writeFileSync(inDirectory('idp.jwks.json'), await jwksOf(otherSigner));
    await untilAnswer('bearer', 401);
  });

  it('for a key of a client that introspects', async () => {
    let count = 0;
    const introspect = async () => {
      const assertion = await new SignJWT({ iss: 'signing', sub: 'signing', jti: String(count++) })
        .setProtectedHeader({ alg: 'ES256' })
        .setAudience('https://countersign.example.com')
        .setExpirationTime('1m')
        .sign(signer.privateKey);
      const form = {
        token: 't',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      };
      const { status } = await call({
        port: running.ports.public,
        path: '/introspect',
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form).toString(),
      });
      return status;
    };
    expect(await introspect()).toBe(200);
    writeFileSync(inDirectory('signing.jwks.json'), await jwksOf(otherSigner));
    await until(async () => (await introspect()) !== 200, running);
    expect(await introspect()).toBe(401);
  });
});

describe('a file that cannot be used', () => {
  // Lines about clients may come a moment later.
  const fileWarnings = () => warnings().filter((line) => 'file' in line);
  it('is told of with its line and nothing it holds, and the last good one goes on serving', async () => {
    const before = fileWarnings().length;
    writeFileSync(inDirectory('api-keys.yaml'), `${keyEntry('key-one')}- { owner: hunter2 }\n`);
    await until(() => fileWarnings().length > before, running);
    expect(fileWarnings().slice(before)).toEqual([
      {
        level: 'warn',
        time: expect.any(String),
        file: inDirectory('api-keys.yaml'),
        problem: 'line 2: sha256 must be a text; quote it if it looks like a number',
        msg: 'a file cannot be used; the last good one goes on serving',
      },
    ]);
    expect(running.stdout()).not.toContain('hunter2');
    expect(await statusOf('apiKey')).toBe(200);
  });

  it('may also be one that is gone, and counts again once it is back', async () => {
    const before = fileWarnings().length;
    rmSync(inDirectory('api-keys.yaml'));
    await until(() => fileWarnings().length > before, running);
    expect(fileWarnings().slice(before)).toMatchObject([{ problem: 'cannot be read (ENOENT)' }]);
    expect(await statusOf('apiKey')).toBe(200);
    writeFileSync(inDirectory('api-keys.yaml'), keyEntry('key-two'));
    await untilAnswer('apiKey', 401);
  });

  it('does not keep the process from stopping', async () => {
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
