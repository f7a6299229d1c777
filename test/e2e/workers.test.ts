import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { checkAt, closeClients } from '../support/check-client.ts';
import { startLoad } from '../support/load.ts';
import {
  asNginx,
  basic,
  call,
  countersign,
  endAll,
  freePorts,
  freshDirectory,
  listenAnywhere,
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
  writeFiles,
} from '../support/process.ts';
import { configure, describeServing, logOf, reload } from '../support/reloading.ts';

jest.setTimeout(2 * patience);
afterEach(async () => {
  closeClients();
  await endAll();
});

const sha256 = createHash('sha256').update('secret').digest('hex');

interface Changes {
  readonly audience?: string;
  readonly listen?: string;
  readonly more?: string;
  readonly keys?: string;
  readonly decisions?: string;
}

const configuration =
  ({ audience = 'a', listen, more = '', keys, decisions = 'off' }: Changes = {}) =>
  (ports: Ports) =>
    `
issuer: http://127.0.0.1:${ports.public}
${listen ?? listenOn(ports)}
workers: 2
gateways: { nginx: {} }
credentials: [{ bearer: { trust: gateway } }, { basic: { trust: gateway } }]
token: { audience: ${audience} }
keys: ${keys ?? '{ algorithm: ES256 }'}
clients:
  - { id: all, secret_sha256: ${sha256}, may: [introspect, revoke, revoke-any], audiences: any }
log: { decisions: ${decisions} }
drain: 0s
${more}`;

const alice = { Authorization: basic('alice', 'secret') };

/** A connection of its own, so that the workers take turns. */
const ask = ({ ports }: Serving, headers: Record<string, string> = alice) =>
  call({ port: ports.auth, ...asNginx(headers) });

async function issue(serving: Serving, headers?: Record<string, string>): Promise<string> {
  return String((await ask(serving, headers)).headers['x-custom-jwt']);
}

/** What each worker hands out to the same caller: they keep tokens by themselves. */
async function issueAtEach(serving: Serving, headers?: Record<string, string>): Promise<string[]> {
  return [...new Set([await issue(serving, headers), await issue(serving, headers)])];
}

function post({ ports }: Serving, path: string, form: Record<string, string>) {
  return call({
    port: ports.public,
    path,
    method: 'POST',
    headers: {
      Authorization: basic('all', 'secret'),
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
  });
}

/** The processes that a service has started. */
function workersOf({ pid }: { readonly pid: number }): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

async function untilAllServe(serving: Serving, lost: number): Promise<void> {
  await until(async () => {
    const { workers } = await describeServing(serving);
    return workers?.serving === 2 && workers.lost === lost;
  }, serving);
}

async function metricsOf({ ports }: Serving): Promise<string> {
  return (await call({ port: ports.ops, path: '/metrics' })).body;
}

/** A bearer token that the gateway is said to have verified. */
function bearer(claims: object): Record<string, string> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return { Authorization: `Bearer ${part({ alg: 'RS256' })}.${part(claims)}.c2ln` };
}

describe('workers', () => {
  it('answer on one port, with tokens that the published keys verify', async () => {
    const serving = await serve(configuration());
    const tokens = await issueAtEach(serving);
    expect(tokens).toHaveLength(2);
    expect(workersOf(serving)).toHaveLength(2);
    const keys = createRemoteJWKSet(new URL(`http://127.0.0.1:${serving.ports.public}/jwks`));
    for (const token of tokens) {
      expect((await jwtVerify(token, keys)).payload['client_id']).toBe('alice');
      const { body } = await post(serving, '/introspect', { token });
      expect(JSON.parse(body)).toMatchObject({ active: true, client_id: 'alice' });
    }
  });

  it('are one service in metrics and log, whose lines stay whole', async () => {
    const serving = await serve(configuration({ decisions: 'all' }));
    const count = 400;
    const longName = 'n'.repeat(900);
    const load = startLoad({
      port: serving.ports.auth,
      perSecond: 400,
      requests: [{ ...asNginx({ Authorization: basic(longName, 'x') }) }],
      judge: ({ status }) => (status === 200 ? undefined : `status ${status}`),
    });
    await until(() => load.sent() >= count, serving);
    await load.stop();
    const sent = load.sent();
    expect(load.failures).toEqual([]);
    const metrics = await metricsOf(serving);
    expect(metrics).toContain(`countersign_decision_duration_seconds_count ${sent}\n`);
    expect(metrics).toMatch(/^countersign_workers\{state="serving"\} 2$/m);
    expect(metrics.match(/^countersign_ready .*$/gm)).toEqual(['countersign_ready 1']);
    const decided = () => logOf(serving).filter(({ msg }) => msg === 'allowed');
    await until(() => decided().length === sent, serving);
    expect(
      serving
        .stdout()
        .split('\n')
        .filter((line) => !/^(\{.*\})?$/.test(line)),
    ).toEqual([]);

    // What one has counted is not lost with it.
    const [first = 0] = workersOf(serving);
    process.kill(first, 'SIGKILL');
    await untilAllServe(serving, 1);
    expect(await metricsOf(serving)).toContain(
      `countersign_decision_duration_seconds_count ${sent}\n`,
    );
  });

  it('all know of a revocation when it is acknowledged', async () => {
    const serving = await serve(configuration());
    for (let round = 0; round < 20; round++) {
      const headers = { Authorization: basic(`user-${round}`, 'x') };
      const tokens = await issueAtEach(serving, headers);
      for (const token of tokens) {
        expect((await post(serving, '/revoke', { token })).status).toBe(200);
        expect(await issueAtEach(serving, headers)).not.toContain(token);
      }
    }
  });

  it('that end are replaced, and those that come know what was revoked', async () => {
    const serving = await serve(configuration());
    const old = bearer({ clientId: 'carol', iat: 1_700_000_000, exp: 4_000_000_000 });
    expect((await ask(serving, old)).status).toBe(200);
    expect((await post(serving, '/revoke', { revoke_client: 'carol' })).status).toBe(200);
    for (let lost = 1; lost <= 3; lost++) {
      const [first = 0] = workersOf(serving);
      process.kill(first, 'SIGKILL');
      await untilAllServe(serving, lost);
      expect(workersOf(serving)).not.toContain(first);
      for (let n = 0; n < 4; n++) expect((await ask(serving, old)).status).toBe(401);
      expect(await issueAtEach(serving)).toHaveLength(2);
    }
    expect(await metricsOf(serving)).toMatch(/^countersign_workers_lost_total 3$/m);
    const messages = logOf(serving).map(({ msg }) => msg);
    expect(messages).toContain('a worker ended; another takes its place');
    expect(messages).toContain('a worker serves');
  });

  it('that hang hold up a revocation, are ended for it, and replaced', async () => {
    const serving = await serve(configuration());
    const [hung = 0] = workersOf(serving);
    process.kill(hung, 'SIGSTOP');
    const began = performance.now();
    expect((await post(serving, '/revoke', { revoke_client: 'carol' })).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(5_000);
    await untilAllServe(serving, 1);
    expect(workersOf(serving)).not.toContain(hung);
  });

  it('take over a configuration together, under load, and none that is bad', async () => {
    const serving = await serve(configuration());
    const load = startLoad({
      port: serving.ports.auth,
      perSecond: 100,
      requests: [asNginx(alice)],
      judge: ({ status }) => (status === 200 ? undefined : `status ${status}`),
    });
    for (const audience of ['b', 'c', 'd']) {
      configure(serving, configuration({ audience })(serving.ports));
      expect(await reload(serving)).toMatchObject({ result: 'applied' });
      for (const token of await issueAtEach(serving)) expect(decodeJwt(token).aud).toBe(audience);
    }
    configure(serving, `${configuration()(serving.ports)}unknown: 1\n`);
    expect(await reload(serving)).toMatchObject({ result: 'refused' });
    configure(serving, configuration()(serving.ports).replace('workers: 2', 'workers: 3'));
    expect(await reload(serving)).toMatchObject({ result: 'needs_restart' });
    for (const token of await issueAtEach(serving)) expect(decodeJwt(token).aud).toBe('d');
    await load.stop();
    expect(load.failures).toEqual([]);
    // One that comes now begins with what serves, whatever the file says.
    process.kill(workersOf(serving)[0] ?? 0, 'SIGKILL');
    await untilAllServe(serving, 1);
    for (const token of await issueAtEach(serving)) expect(decodeJwt(token).aud).toBe('d');
  });

  it('sign with another key at once when theirs is dropped', async () => {
    const serving = await serve(configuration());
    const kidOf = (token: string) => decodeProtectedHeader(token).kid;
    const before = kidOf(await issue(serving));
    const { code } = await countersign(['keys', 'rotate', '--now', '--compromised'], {
      cwd: serving.directory,
    });
    expect(code).toBe(0);
    await until(async () => {
      const kids = (await issueAtEach(serving)).map(kidOf);
      return kids.length === 2 && kids[0] === kids[1] && kids[0] !== before;
    }, serving);
  });

  it('record their decisions in one file, which can be rotated', async () => {
    const serving = await serve(configuration({ more: 'audit: { file: audit.jsonl }' }));
    const file = join(serving.directory, 'audit.jsonl');
    const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n');
    for (let n = 0; n < 10; n++) await ask(serving);
    expect(linesOf(file).map((line) => JSON.parse(line).client_id)).toEqual(
      Array(10).fill('alice'),
    );
    renameSync(file, `${file}.1`);
    serving.kill('SIGHUP');
    await until(() => existsSync(file) || ask(serving).then(() => false), serving);
    await until(async () => {
      await issueAtEach(serving);
      return linesOf(file).length >= 10;
    }, serving);
    expect(await metricsOf(serving)).toMatch(/^countersign_audit_up 1$/m);
  });

  it('share a unix socket, also where a stale one lies, and gRPC', async () => {
    const directory = freshDirectory();
    const socket = join(directory, 'auth.sock');
    const [grpc = 0] = await freePorts(1);
    const ports = await threePorts();
    const listen = `${listenOn(ports, `unix:${socket}`)}\n  grpc: 127.0.0.1:${grpc}`;
    const text = configuration({ listen })(ports).replace('nginx: {}', 'nginx: {}, envoy_grpc: {}');
    for (const _ of ['first', 'with what a killed process left behind']) {
      const serving = await serve(() => text, { directory, ports });
      const answers = Array.from({ length: 4 }, () =>
        call({ socketPath: socket, ...asNginx(alice) }),
      );
      const tokens = (await Promise.all(answers)).map(({ headers }) => headers['x-custom-jwt']);
      expect(new Set(tokens).size).toBe(2);
      expect((await checkAt(grpc)()).status?.code ?? 0).toBe(0);
      serving.kill('SIGKILL');
      await serving.ended;
      await until(async () => (await statusOf({ port: ports.auth, path: '/' })) === undefined);
    }
  });

  it('end with the process that keeps them, however it ends', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const serving = await serve(configuration());
      const workers = workersOf(serving);
      serving.kill(signal);
      const { code } = await serving.ended;
      expect(code).toBe(signal === 'SIGTERM' ? 0 : null);
      await until(() => workers.every((pid) => !existsSync(`/proc/${pid}`)));
    }
  });

  it('serve on while they drain, and leave signals to the process that keeps them', async () => {
    const serving = await serve((ports) =>
      configuration()(ports).replace('drain: 0s', 'drain: 1s'),
    );
    for (const pid of workersOf(serving)) process.kill(pid, 'SIGTERM');
    const load = startLoad({
      port: serving.ports.auth,
      perSecond: 50,
      requests: [asNginx(alice)],
      judge: ({ status }) => (status === 200 ? undefined : `status ${status}`),
    });
    serving.kill('SIGTERM');
    await until(() => load.sent() > 40);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await serving.ended).toMatchObject({ code: 0 });
    expect(logOf(serving).map(({ msg }) => msg)).toContain('stopped');
  });

  it('that are told to stop while they start do so', async () => {
    const directory = freshDirectory();
    writeFiles(directory, { 'countersign.yaml': configuration()(await threePorts()) });
    const starting = start(process.execPath, [main, 'serve'], { cwd: directory });
    await until(() => workersOf(starting).length > 0, starting);
    starting.kill('SIGTERM');
    expect(await starting.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['an address in use', (port: number) => `127.0.0.1:${port}`, /EADDRINUSE/],
    ['a place where no socket can be', () => 'unix:/proc/no.sock', /EACCES/],
  ])('cannot start at %s', async (_what, address, expected) => {
    const taken = createServer();
    const port = await listenAnywhere(taken);
    const ports = await threePorts();
    const directory = freshDirectory();
    const listen = listenOn(ports, address(port));
    writeFiles(directory, { 'countersign.yaml': configuration({ listen })(ports) });
    const { code, stderr } = await countersign(['serve'], { cwd: directory });
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  it('need a key that has the same name in each', async () => {
    const directory = freshDirectory();
    const secret = { kty: 'oct', k: randomBytes(32).toString('base64url') };
    const keys = (more: object) =>
      `{ algorithm: HS256, private_jwk: ${JSON.stringify({ ...secret, ...more })} }`;
    const ports = await threePorts();
    writeFiles(directory, { 'countersign.yaml': configuration({ keys: keys({}) })(ports) });
    const { code, stderr } = await countersign(['serve'], { cwd: directory });
    expect(code).toBe(78);
    expect(stderr).toMatch(/keys: .*give the key a kid/);
    const serving = await serve(configuration({ keys: keys({ kid: 'ours' }) }));
    const [token = ''] = await issueAtEach(serving);
    expect(JSON.parse((await post(serving, '/introspect', { token })).body).active).toBe(true);
  });
});
