import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
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
  untilReady,
  writeFiles,
} from '../support/process.ts';
import { configure, describeServing, logOf, reload, untilResult } from '../support/reloading.ts';

jest.setTimeout(2 * patience);
afterEach(endAll);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const alice = { Authorization: basic('alice', 'secret') };

interface Changes {
  readonly audience?: string;
  readonly credentials?: string;
  readonly more?: string;
  readonly listen?: string;
  readonly keys?: string;
}

const configuration =
  (changes: Changes = {}) =>
  (ports: Ports) =>
    `
issuer: https://countersign.example.com
${changes.listen ?? listenOn(ports)}
gateways: { nginx: {} }
credentials: ${changes.credentials ?? '[{ basic: { trust: gateway } }]'}
token: { audience: ${changes.audience ?? 'a'}, expires_in: 5m }
keys: ${changes.keys ?? '{ algorithm: ES256 }'}
clients: [{ id: orders, secret_sha256: ${sha256('s')}, may: [introspect, revoke], audiences: any }]
drain: 0s
${changes.more ?? ''}`;

const ask = (serving: Serving, headers: Record<string, string> = alice, url?: string) =>
  call({ port: serving.ports.auth, ...asNginx(headers, url) });
const tokenOf = async (serving: Serving, headers?: Record<string, string>) =>
  String((await ask(serving, headers)).headers['x-custom-jwt']);
const audienceOf = async (serving: Serving) => decodeJwt(await tokenOf(serving)).aud;

const post = (path: string, token: string) => ({
  path,
  method: 'POST',
  headers: {
    Authorization: basic('orders', 's'),
    'Content-Type': 'application/x-www-form-urlencoded',
  },
  body: new URLSearchParams({ token }).toString(),
});

describe('a reload', () => {
  it('takes over at SIGHUP, and no token from before is handed out again', async () => {
    const serving = await serve(configuration());
    const before = await tokenOf(serving);
    expect(await tokenOf(serving)).toBe(before);
    configure(serving, configuration({ audience: 'b' })(serving.ports));
    expect(await reload(serving)).toMatchObject({ result: 'applied', reasons: [] });
    expect(await audienceOf(serving)).toBe('b');
    expect(decodeProtectedHeader(await tokenOf(serving)).kid).toBe(
      decodeProtectedHeader(before).kid,
    );
    const introspected = await call({ port: serving.ports.public, ...post('/introspect', before) });
    expect(JSON.parse(introspected.body)).toMatchObject({ active: true, aud: 'a' });
  });

  it('loses no request of a few hundred a second, through good and bad ones', async () => {
    const users =
      '[{ basic: { verify: { htpasswd_file: users } } }, { api_key: { verify: { keys_file: keys.yaml } } }]';
    const directory = freshDirectory();
    const { stdout: hash } = await countersign(['hash'], { input: 'secret\n' });
    writeFiles(directory, {
      users: `alice:${hash}`,
      'keys.yaml': `- { owner: ci, sha256: "${sha256('key')}" }\n`,
    });
    const serving = await serve(configuration({ credentials: users }), { directory });
    const token = await tokenOf(serving);
    const audiences = new Map<unknown, number>();
    const open = serving.ports.public;
    const load = startLoad({
      port: serving.ports.auth,
      perSecond: 300,
      requests: [
        asNginx(alice),
        asNginx({ apikey: 'key' }),
        { ...post('/introspect', token), port: open },
        { path: '/jwks', headers: {}, port: open },
      ],
      judge({ status, headers, body }, { path }) {
        if (status !== 200) return `${path}: ${status} ${body}`;
        if (path === '/introspect' && !JSON.parse(body).active) return body;
        if (path !== '/auth/nginx') return undefined;
        const { aud } = decodeJwt(String(headers['x-custom-jwt']));
        audiences.set(aud, (audiences.get(aud) ?? 0) + 1);
        return undefined;
      },
    });
    const results: string[] = [];
    for (let round = 0; round < 40; round++) {
      const good = { audience: round % 2 ? 'a' : 'b', credentials: users };
      const bad = { ...good, more: 'nonsense: true' };
      configure(serving, configuration(round % 4 === 3 ? bad : good)(serving.ports));
      results.push((await reload(serving)).result);
      await until(() => load.sent() >= 50 * (round + 1), serving);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.sent()).toBeGreaterThanOrEqual(2000);
    expect(results.filter((result) => result === 'applied')).toHaveLength(30);
    expect(results.filter((result) => result === 'refused')).toHaveLength(10);
    expect([...audiences.keys()].sort()).toEqual(['a', 'b']);
  });

  it('refuses what was taken away from then on, though a token of it was being reused', async () => {
    const routes = `routes:
  - match: { hosts: [orders.example.com] }
  - match: { hosts: [bills.example.com] }`;
    const both = '[{ basic: { trust: gateway } }, { api_key: { trust: gateway } }]';
    const serving = await serve(configuration({ credentials: both, more: routes }));
    const bills = 'https://bills.example.com/';
    for (let twice = 0; twice < 2; twice++) {
      expect((await ask(serving, alice, bills)).status).toBe(200);
      expect((await ask(serving, { apikey: 'k' }, 'https://orders.example.com/')).status).toBe(200);
    }
    const fewer = configuration({ more: routes.split('\n').slice(0, 2).join('\n') });
    configure(serving, fewer(serving.ports));
    await reload(serving);
    expect((await ask(serving, alice, bills)).status).toBe(403);
    expect((await ask(serving, { apikey: 'k' }, 'https://orders.example.com/')).status).toBe(401);
    expect((await ask(serving, alice, 'https://orders.example.com/')).status).toBe(200);
  });

  it('keeps what was revoked, and lets nobody use an old secret', async () => {
    const serving = await serve(configuration());
    const token = await tokenOf(serving);
    const open = serving.ports.public;
    expect((await call({ port: open, ...post('/revoke', token) })).status).toBe(200);
    await reload(serving);
    const { body } = await call({ port: open, ...post('/introspect', token) });
    expect(JSON.parse(body)).toEqual({ active: false });
    const other = configuration()(serving.ports).replace(sha256('s'), sha256('t'));
    configure(serving, other);
    await reload(serving);
    expect((await call({ port: open, ...post('/introspect', token) })).status).toBe(401);
  });
});

it('a configuration that came through a pipe serves, and is not read again', async () => {
  const ports = await threePorts();
  const cwd = freshDirectory();
  const keys = `{ algorithm: ES256, directory: ${cwd}/keys }`;
  const more = `state: { directory: ${cwd}/state }`;
  writeFiles(cwd, { 'all.yaml': configuration({ keys, more })(ports) });
  const piped = `exec "$0" "$1" serve --config <(cat all.yaml)`;
  const running = start('bash', ['-c', piped, process.execPath, main], { cwd });
  await untilReady(running, ports.ops);
  const serving = { ...running, ports, directory: cwd };
  expect(await audienceOf(serving)).toBe('a');
  expect((await describeServing(serving)).reload).toBeNull();
  const { code, stderr } = await countersign(['reload', '--config', 'all.yaml'], { cwd });
  expect([code, stderr]).toEqual([1, expect.stringMatching(/cannot read its configuration again/)]);
});

describe('a change of a file', () => {
  it('counts without a signal, when it is left alone', async () => {
    const serving = await serve(configuration());
    configure(serving, configuration({ audience: 'b' })(serving.ports));
    await untilResult(serving, 'applied');
    expect(await audienceOf(serving)).toBe('b');
    const told = () =>
      logOf(serving).filter(({ msg }) => msg.startsWith('another configuration')).length;
    await until(() => told() === 1, serving);
  });

  it('also when it is a symlink that is pointed elsewhere, as Kubernetes does', async () => {
    const directory = freshDirectory();
    const ports = await threePorts();
    const mount = (version: string, audience: string) => {
      const text = configuration({ audience })(ports);
      writeFiles(directory, { [`mount/..${version}/countersign.yaml`]: text });
      symlinkSync(`..${version}`, join(directory, 'mount/..data_tmp'));
      renameSync(join(directory, 'mount/..data_tmp'), join(directory, 'mount/..data'));
    };
    mkdirSync(join(directory, 'mount'));
    mount('one', 'a');
    symlinkSync('..data/countersign.yaml', join(directory, 'mount/countersign.yaml'));
    symlinkSync('mount/countersign.yaml', join(directory, 'link.yaml'));
    const serving = await serve(configuration(), {
      ...{ directory, ports },
      args: ['--config', 'link.yaml'],
    });
    mount('two', 'b');
    await untilResult(serving, 'applied');
    expect(await audienceOf(serving)).toBe('b');
  });

  it('to one that is gone is told of once, and the last good one goes on serving', async () => {
    const serving = await serve(configuration());
    rmSync(join(serving.directory, 'countersign.yaml'));
    const { reasons } = await untilResult(serving, 'refused');
    expect(reasons).toEqual([expect.stringContaining('countersign.yaml: there is no such file')]);
    expect(await audienceOf(serving)).toBe('a');
    expect(await metricOf(serving, 'last_reload_successful')).toBe(0);
    configure(serving, configuration({ audience: 'b' })(serving.ports));
    await untilResult(serving, 'applied');
    expect(await audienceOf(serving)).toBe('b');
    expect(await metricOf(serving, 'last_reload_successful')).toBe(1);
    expect(await metricOf(serving, 'generation')).toBe(2);
    serving.kill('SIGTERM');
    await serving.ended;
    expect(logOf(serving).filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('to one that is half written changes nothing until the rest is there', async () => {
    const serving = await serve(configuration());
    const whole = configuration({ audience: 'b' })(serving.ports);
    configure(serving, whole.slice(0, whole.indexOf('keys:') + 9));
    const { reasons } = await untilResult(serving, 'refused');
    expect(reasons).toHaveLength(1);
    expect(await audienceOf(serving)).toBe('a');
    configure(serving, whole);
    await untilResult(serving, 'applied');
    expect(await audienceOf(serving)).toBe('b');
  });

  it('to a key file that is bad is refused without a word of it, and the old key signs on', async () => {
    const jwk = async () => {
      const { privateKey } = await generateKeyPair('ES256', { extractable: true });
      return JSON.stringify(await exportJWK(privateKey));
    };
    const directory = freshDirectory();
    writeFiles(directory, { 'key.json': await jwk() });
    const keys = '{ algorithm: ES256, private_jwk_file: key.json }';
    const serving = await serve(configuration({ keys }), { directory });
    const kid = async () => decodeProtectedHeader(await tokenOf(serving)).kid;
    const first = await kid();
    const bad = `${(await jwk()).slice(0, -40)}hunter2`;
    writeFileSync(join(directory, 'key.json'), bad);
    const { reasons } = await untilResult(serving, 'refused');
    expect(reasons).toEqual([expect.stringMatching(/^countersign\.yaml:\d+: keys: .*key\.json: /)]);
    expect(JSON.stringify(await describeServing(serving)) + serving.stdout()).not.toContain(
      'hunter2',
    );
    expect(await kid()).toBe(first);
    writeFileSync(join(directory, 'key.json'), await jwk());
    await untilResult(serving, 'applied');
    expect(await kid()).not.toBe(first);
  });

  it('to a secret that it names counts too, also one that was missing at first', async () => {
    const directory = freshDirectory();
    writeFiles(directory, { 'gateway.secret': 'one-secret-of-the-gateway\n' });
    const more = 'callers: { secret_file: gateway.secret }';
    const serving = await serve(configuration({ more }), { directory });
    const askWith = async (secret: string) =>
      (await ask(serving, { ...alice, 'X-Countersign-Secret': secret })).status;
    expect(await askWith('one-secret-of-the-gateway')).toBe(200);
    configure(serving, configuration({ more: more.replace('gateway.', 'other.') })(serving.ports));
    const { reasons } = await untilResult(serving, 'refused');
    expect(reasons).toEqual([expect.stringMatching(/other\.secret" cannot be read \(ENOENT\)$/)]);
    writeFiles(directory, { 'other.secret': 'another-secret-of-it\n' });
    await untilResult(serving, 'applied');
    expect(await askWith('one-secret-of-the-gateway')).toBe(403);
    expect(await askWith('another-secret-of-it')).toBe(200);
  });
});

async function metricOf({ ports }: Serving, name: string): Promise<number> {
  const { body } = await call({ port: ports.ops, path: '/metrics' });
  return Number(new RegExp(`^countersign_config_${name} (\\S+)$`, 'm').exec(body)?.[1]);
}

describe('an issuer that is down', () => {
  const bearer = (issuer: string, jwksUri: string) =>
    `{ bearer: { client_id: sub, verify: { issuer: '${issuer}', jwks_uri: '${jwksUri}', audiences: any, algorithms: [ES256] } } }`;

  it('keeps no configuration away, and its keys stay as long as it is asked for in the same way', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwks = JSON.stringify({ keys: [await exportJWK(publicKey)] });
    const provider = createServer((_, res) => res.end(jwks));
    const known = bearer('https://idp.test', `http://127.0.0.1:${await listenAnywhere(provider)}/`);
    const serving = await serve(configuration({ credentials: `[${known}]` }));
    provider.close();
    provider.closeAllConnections();
    const jwt = await new SignJWT({ iss: 'https://idp.test', sub: 'u1' })
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1h')
      .sign(privateKey);

    const [closed = 0] = await freePorts(1);
    const down = bearer('https://down.test', `http://127.0.0.1:${closed}/`);
    const both = configuration({ audience: 'b', credentials: `[${known}, ${down}]` });
    configure(serving, both(serving.ports));
    const { result, reasons } = await reload(serving);
    expect(result).toBe('applied');
    expect(reasons).toEqual([expect.stringMatching(/^https:\/\/down\.test: .*; usable keys: 0$/)]);
    const token = await tokenOf(serving, { Authorization: `Bearer ${jwt}` });
    expect(decodeJwt(token)).toMatchObject({ client_id: 'u1', aud: 'b' });
    expect((await describeServing(serving)).issuers).toMatchObject([
      { issuer: 'https://idp.test', usable_keys: 1, problem: null },
      { issuer: 'https://down.test', usable_keys: 0, problem: expect.any(String) },
    ]);
  });
});

describe('what only a restart changes', () => {
  it('is refused as a whole, and says what and how', async () => {
    const serving = await serve(configuration());
    const elsewhere = await threePorts();
    const changed = configuration({ audience: 'b', keys: '{ algorithm: ES256, directory: k }' });
    configure(serving, changed(elsewhere));
    const { result, reasons } = await reload(serving);
    // As docs/reload.md shows it.
    expect(result).toBe('needs_restart');
    const message = 'is not what the process was started with: restart it, or put this back';
    expect(reasons).toEqual([
      `countersign.yaml:4: listen.auth: ${message}`,
      `countersign.yaml:5: listen.public: ${message}`,
      `countersign.yaml:6: listen.ops: ${message}`,
      `countersign.yaml:10: keys.directory: ${message}`,
    ]);
    expect(await audienceOf(serving)).toBe('a');
    expect(await statusOf({ port: elsewhere.ops, path: '/livez' })).toBeUndefined();
  });
});

describe('countersign reload', () => {
  const run = ({ directory }: Serving, args: readonly string[] = []) =>
    countersign(['reload', ...args], { cwd: directory });

  it('says that the configuration serves, and exits with 0', async () => {
    const serving = await serve(configuration());
    configure(serving, configuration({ audience: 'b' })(serving.ports));
    expect(await run(serving)).toMatchObject({
      ...{ code: 0, stderr: '' },
      stdout: 'The configuration serves from now on.\n',
    });
    expect(await audienceOf(serving)).toBe('b');
  });

  it('says why it was refused, and exits with 78; with 1 when a restart is needed', async () => {
    const serving = await serve(configuration());
    configure(serving, configuration({ more: 'routes: [{ require: "nonsense" }]' })(serving.ports));
    const refused = await run(serving);
    expect(refused.code).toBe(78);
    expect(refused.stderr).toMatch(/^countersign\.yaml:13: routes\[0\]/);
    configure(serving, configuration({ more: 'log: { format: pretty }' })(serving.ports));
    expect(await run(serving)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^countersign\.yaml:13: log\.format: .*restart/),
      stdout: 'Not without a restart: the configuration before goes on serving.\n',
    });
    expect(await audienceOf(serving)).toBe('a');
  });

  it('exits with 1 when there is no service, and sends a signal to no other process', async () => {
    const serving = await serve(configuration());
    serving.kill('SIGTERM');
    await serving.ended;
    const { code, stderr } = await run(serving);
    expect(code).toBe(1);
    expect(stderr).toBe(`No service answers at 127.0.0.1:${serving.ports.ops} (ECONNREFUSED)\n`);
  });

  it('exits with 78 when the configuration cannot even be read', async () => {
    const serving = await serve(configuration());
    configure(serving, ': nonsense');
    expect((await run(serving)).code).toBe(78);
    await untilResult(serving, 'refused');
  });

  it('exits with 2 when it is used wrongly', async () => {
    expect((await countersign(['reload', '--timeout', 'soon'])).code).toBe(2);
  });
});
