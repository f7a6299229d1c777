import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import {
  type Issued,
  issueAuthority,
  issueCertificate,
  name,
  subjectAltName,
} from '../support/certificates.ts';
import {
  asNginx,
  basic,
  call,
  countersign,
  endAll,
  freshDirectory,
  listenOn,
  main,
  type Ports,
  patience,
  type Serving,
  serve,
  start,
  statusOf,
  threePorts,
  until,
  untilReady,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);
afterEach(endAll);

const alice = { Authorization: basic('alice', 'secret') };

interface Settings {
  readonly auth?: string;
  readonly drain?: string;
  readonly more?: string;
}

/** Believes passwords, signs with a key that is quick to make. */
function believing({ auth, drain = '0s', more = '' }: Settings = {}) {
  return (ports: Ports) => `
issuer: https://countersign.example.com
${listenOn(ports, auth)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
default_route: {}
keys: { algorithm: ES256 }
drain: ${drain}
${more}`;
}

const tokenFrom = async ({ ports }: Serving) => {
  const { headers } = await call({ port: ports.auth, ...asNginx(alice) });
  return String(headers['x-custom-jwt']);
};
const jwksOf = async ({ ports }: Serving) =>
  JSON.parse((await call({ port: ports.public, path: '/jwks' })).body);

/** @returns what listens on the port, or undefined when something else does */
function occupy(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

const release = (server: Server) => new Promise((resolve) => server.close(resolve));

/** The ports that the built-in configuration listens on; someone may be using them for a while. */
async function areFree(ports: readonly number[]): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    const servers = await Promise.all(ports.map(occupy));
    await Promise.all(servers.map((server) => server && release(server)));
    if (servers.every((server) => server !== undefined)) return true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return false;
}

const hasCurl = spawnSync('curl', ['--version']).status === 0;
const canServeDev = hasCurl && (await areFree([8080, 8081, 9090]));

(canServeDev ? describe : describe.skip)('serve --dev', () => {
  it('shows what it counted and measured', async () => {
    const serving = await serve(believing());
    await tokenFrom(serving);
    await tokenFrom(serving);
    await call({ port: serving.ports.auth, ...asNginx() });
    const { body, headers } = await call({ port: serving.ports.ops, path: '/metrics' });
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = body.split('\n');
    for (const line of [
      'countersign_decisions_total{gateway="nginx",decision="allowed",credential="basic",reason=""} 2',
      'countersign_decisions_total{gateway="nginx",decision="refused",credential="",reason="no_credential"} 1',
      'countersign_decision_duration_seconds_count 3',
      'countersign_tokens_signed_total 1',
      'countersign_tokens_reused_total 1',
      'countersign_key_store_up 1',
    ]) {
      expect(lines).toContain(line);
    }
    expect(body).toMatch(/^countersign_signing_key_rotation_timestamp_seconds \d{10}/m);
    expect(body).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  });

  it('prints a command that gets a token, and one that introspects it, and both work', async () => {
    const cwd = freshDirectory();
    const running = start(process.execPath, [main, 'serve', '--dev'], { cwd });
    await untilReady(running, 9090);
    const shown = running.stderr();
    const [first = '', second = '', ...more] = shown
      .split('\n\n')
      .filter((paragraph) => paragraph.startsWith('  '));
    expect(more).toEqual([]);

    const token = await start('sh', ['-c', first], { cwd }).ended;
    expect(token.stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const [, jwt = ''] = /^X-Custom-Jwt: (\S+)\r$/m.exec(token.stdout) ?? [];
    expect(decodeProtectedHeader(jwt)).toMatchObject({ alg: 'RS256', typ: 'JWT' });

    const introspected = await start('sh', ['-c', second], { cwd }).ended;
    expect(JSON.parse(introspected.stdout)).toMatchObject({
      active: true,
      iss: 'http://127.0.0.1:8081',
      client_id: 'alice',
      aud: 'https://api.example.com',
    });
    const secret = join(cwd, 'data', 'dev-client-secret');
    expect(statSync(secret).mode & 0o777).toBe(0o600);

    running.kill('SIGINT');
    expect((await running.ended).code).toBe(0);
  });
});

describe('serve', () => {
  it('serves nothing without a configuration, and says how to name one', async () => {
    const { code, stdout, stderr } = await countersign(['serve']);
    expect(code).toBe(78);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/countersign\.yaml: there is no such file; .*--config.*serve --dev/);
  });

  it('takes the file that COUNTERSIGN_CONFIG names, and one that is not there is an error', async () => {
    const env = { COUNTERSIGN_CONFIG: 'elsewhere.yaml' };
    const { code, stderr } = await countersign(['serve'], { env });
    expect(code).toBe(78);
    expect(stderr).toBe('elsewhere.yaml: cannot be read (ENOENT)\n');
  });

  it('tells an address that is in use without a stack', async () => {
    const ports = await threePorts();
    const other = await occupy(ports.auth);
    const cwd = freshDirectory();
    writeFiles(cwd, { 'countersign.yaml': believing()(ports) });
    const { code, stderr } = await countersign(['serve'], { cwd });
    if (other) await release(other);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${ports.auth}\n$`));
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('makes its key for the owner only, and has the same one after a restart', async () => {
    const first = await serve(believing());
    const { directory } = first;
    const jwt = await tokenFrom(first);
    first.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);

    const keys = join(directory, 'data', 'keys');
    expect(statSync(keys).mode & 0o777).toBe(0o700);
    expect(readdirSync(keys).map((file) => statSync(join(keys, file)).mode & 0o777)).toEqual([
      0o600,
    ]);

    const second = await serve(believing(), { directory });
    const jwks = await jwksOf(second);
    const issuer = 'https://countersign.example.com';
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(jwks), { issuer });
    expect(payload).toMatchObject({ client_id: 'alice', aud: 'https://api.example.com' });
    expect(decodeProtectedHeader(await tokenFrom(second)).kid).toBe(decodeProtectedHeader(jwt).kid);
  });
});

const clientSecret = 'a-secret-of-a-client';
const secretSha256 = createHash('sha256').update(clientSecret).digest('hex');
const clients = `
clients: [{ id: orders, secret_sha256: ${secretSha256}, may: [introspect], audiences: any }]`;

/** Sends all of a request but the end of its body, and waits until the service has begun it. */
async function beginIntrospection(port: number) {
  const body = 'token=nonsense';
  const sent = httpRequest({
    ...{ host: '127.0.0.1', port, path: '/introspect', method: 'POST', agent: false },
    headers: {
      Authorization: basic('orders', clientSecret),
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': body.length,
      Expect: '100-continue',
    },
  });
  const answered = new Promise<{ status: number; body: string }>((resolve, reject) => {
    sent.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
  });
  sent.flushHeaders();
  await new Promise((resolve) => sent.once('continue', resolve));
  sent.write(body.slice(0, 5));
  return {
    finish() {
      sent.end(body.slice(5));
      return answered;
    },
  };
}

describe('when it is told to stop', () => {
  it('is unready first, goes on serving while it drains, ends what it began, and exits with 0', async () => {
    const running = await serve(believing({ drain: '4s', more: clients }));
    const { ports } = running;
    const slow = await beginIntrospection(ports.public);
    running.kill('SIGTERM');
    await until(
      async () => (await statusOf({ port: ports.ops, path: '/readyz' })) === 503,
      running,
    );
    expect(await statusOf({ port: ports.ops, path: '/livez' })).toBe(200);
    expect(await statusOf({ port: ports.public, path: '/jwks' })).toBe(200);
    // Whoever keeps connections is told in time that these end.
    const { status, headers } = await call({
      ...{ port: ports.auth, path: '/auth/nginx' },
      headers: { ...asNginx(alice).headers, Connection: 'keep-alive' },
    });
    expect([status, headers.connection]).toEqual([200, 'close']);

    // Nobody new gets in, and the process still waits for the one request that it has.
    const isClosed = async () =>
      (await statusOf({ port: ports.public, path: '/jwks' })) === undefined;
    await until(isClosed, running);
    expect(await slow.finish()).toEqual({ status: 200, body: '{"active":false}' });
    expect(await running.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(await statusOf({ port: ports.auth, ...asNginx(alice) })).toBeUndefined();
  });

  it('ends at once when it is told a second time', async () => {
    const running = await serve(believing({ drain: '1h' }));
    running.kill('SIGTERM');
    await until(() => running.stdout().includes('"stopping"'), running);
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 1, signal: null, stderr: '' });
  });
});

describe('an exception that nobody caught', () => {
  // What a library might throw out of a timer, with a credential in its message and in its cause.
  const bomb = `process.once('SIGUSR2', () => setTimeout(() => {
    throw new TypeError('bad value: ${alice.Authorization}', { cause: '${alice.Authorization}' });
  }));`;
  const planted = async (more?: string) => {
    const directory = freshDirectory();
    writeFiles(directory, { 'bomb.mjs': bomb });
    const node = ['--import', join(directory, 'bomb.mjs')];
    const running = await serve(believing({ drain: '1h', ...(more && { more }) }), {
      directory,
      node,
    });
    running.kill('SIGUSR2');
    return running.ended;
  };

  it('ends the process with 1, and a line that says where and not what', async () => {
    const { code, stdout, stderr } = await planted();
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toEqual({
      level: 'fatal',
      time: expect.any(String),
      error: 'TypeError',
      at: expect.arrayContaining([expect.stringMatching(/^at .*bomb\.mjs:2:\d+/)]),
      msg: 'not caught',
    });
    expect(stdout).not.toContain(alice.Authorization);
  });

  it('says so also where the log is for people', async () => {
    const { code, stdout, stderr } = await planted('log: { format: pretty }');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/FATAL.*not caught.*bomb\.mjs:2/s);
    expect(stdout).not.toContain(alice.Authorization);
  });
});

describe('a unix socket', () => {
  it('is listened on; a stale one is replaced, and one in use is not', async () => {
    const directory = freshDirectory();
    const socketPath = join(directory, 'auth.sock');
    const configuration = believing({ auth: `unix:${socketPath}` });
    const killed = await serve(configuration, { directory });
    expect(await statusOf({ socketPath, ...asNginx(alice) })).toBe(200);
    killed.kill('SIGKILL');
    await killed.ended;
    expect(existsSync(socketPath)).toBe(true);

    const alive = await serve(configuration, { directory });
    expect(await statusOf({ socketPath, ...asNginx(alice) })).toBe(200);

    const cwd = freshDirectory();
    writeFiles(cwd, { 'countersign.yaml': configuration(await threePorts()) });
    const { code, stderr } = await countersign(['serve'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`EADDRINUSE: address already in use ${socketPath}`);
    expect(await statusOf({ socketPath, ...asNginx(alice) })).toBe(200);
    alive.kill('SIGTERM');
    expect((await alive.ended).code).toBe(0);
    expect(existsSync(socketPath)).toBe(false);
  });
});

describe('a TLS listener with a client CA', () => {
  const subject = (CN: string) => name({ O: 'Acme', CN });
  const authority = issueAuthority({ subject: subject('CA') });
  const stranger = issueAuthority({ subject: subject('Other CA') });
  const gatewayName = 'spiffe://acme.test/gateway';
  const callerWith = (uri: string, issuer = authority) =>
    issueCertificate(
      { subject: subject('gw'), extensions: [subjectAltName(['uri', uri])] },
      issuer,
    );
  const pem = ({ privateKey }: Issued) => privateKey.export({ type: 'pkcs8', format: 'pem' });

  it('answers only the caller whose certificate has the configured name', async () => {
    const directory = freshDirectory();
    const server = issueCertificate(
      {
        subject: subject('countersign'),
        extensions: [subjectAltName(['ip', '\x7f\0\0\x01'], ['dns', 'localhost'])],
      },
      authority,
    );
    writeFiles(directory, {
      'server.pem': server.pem,
      'server.key': String(pem(server)),
      'ca.pem': authority.pem,
    });
    const ports = await threePorts();
    const tls = '{ cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem }';
    const auth = `{ address: '127.0.0.1:${ports.auth}', tls: ${tls} }`;
    const more = `callers: { certificates: ['${gatewayName}'] }`;
    await serve(believing({ auth, more }), { directory, ports });

    const ask = (caller?: Issued) =>
      statusOf({
        port: ports.auth,
        ...asNginx(alice),
        tls: {
          ca: authority.pem,
          ...(caller && { cert: caller.pem, key: String(pem(caller)) }),
        },
      });
    expect(await ask(callerWith(gatewayName))).toBe(200);
    expect(await ask(callerWith('spiffe://acme.test/other'))).toBe(403);
    expect(await ask(callerWith(gatewayName, stranger))).toBeUndefined();
    expect(await ask()).toBeUndefined();
    expect(await statusOf({ port: ports.auth, ...asNginx(alice) })).toBeUndefined();
  });
});
