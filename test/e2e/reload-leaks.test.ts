import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  asNginx,
  call,
  endAll,
  freshDirectory,
  isMissing,
  listenAnywhere,
  listenOn,
  type Ports,
  patience,
  type Serving,
  serve,
  statusOf,
  until,
  writeFiles,
} from '../support/process.ts';
import { startRedis } from '../support/redis.ts';
import { configure, describeServing, reload } from '../support/reloading.ts';
import { startReplicaProcess, untilReplicaReady } from '../support/replica-set.ts';

jest.setTimeout(2 * patience);
let provider: Server | undefined;
afterEach(async () => {
  provider?.close();
  await endAll();
});

const rounds = 50;

/** Tells how many timers of the process are pending whenever it gets SIGUSR2. */
const countTimers = `
const live = new Set();
const { setTimeout: after, clearTimeout: cancel, setInterval: every, clearInterval: end } = globalThis;
globalThis.setTimeout = Object.assign((run, ms, ...rest) => {
  const timer = after((...args) => { live.delete(timer); run(...args); }, ms, ...rest);
  live.add(timer);
  return timer;
}, after);
globalThis.setInterval = Object.assign((...args) => {
  const timer = every(...args);
  live.add(timer);
  return timer;
}, every);
globalThis.clearTimeout = (timer) => { live.delete(timer); cancel(timer); };
globalThis.clearInterval = (timer) => { live.delete(timer); end(timer); };
process.on('SIGUSR2', () => process.stderr.write('timers: ' + live.size + '\\n'));
`;

async function timersOf(serving: Serving): Promise<number> {
  const counts = () => [...serving.stderr().matchAll(/timers: (\d+)\n/g)];
  const before = counts().length;
  serving.kill('SIGUSR2');
  await until(() => counts().length > before, serving);
  return Number(counts().at(-1)?.[1]);
}

/** Watchers have a timer between two looks, and none in a look. */
async function mostTimersOf(serving: Serving): Promise<number> {
  const counts: number[] = [];
  for (let times = 0; times < 20; times++) counts.push(await timersOf(serving));
  return Math.max(...counts);
}

const filesOf = ({ pid }: Serving) => readdirSync(`/proc/${pid}/fd`).length;

describe('after 50 reloads', () => {
  it('no timer, watcher or file is left of those before, and an issuer was asked once', async () => {
    const idp = await generateKeyPair('ES256');
    const jwks = JSON.stringify({ keys: [await exportJWK(idp.publicKey)] });
    let fetches = 0;
    provider = createServer((_, res) => {
      fetches++;
      res.setHeader('Content-Type', 'application/json').end(jwks);
    });
    const jwksUri = `http://127.0.0.1:${await listenAnywhere(provider)}/jwks`;
    const configuration = (audience: string) => (ports: Ports) =>
      `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials:
  - bearer:
      client_id: sub
      verify: { issuer: 'https://idp.example.com', jwks_uri: '${jwksUri}', audiences: any, algorithms: [ES256] }
  - basic: { verify: { htpasswd_file: users } }
token: { audience: ${audience} }
keys: { algorithm: ES256 }
clients: [{ id: orders, secret_sha256: '${'0'.repeat(64)}', may: [introspect, revoke], audiences: any }]
drain: 0s
`;
    const directory = freshDirectory();
    writeFiles(directory, { users: '', 'timers.mjs': countTimers });
    const node = ['--import', join(directory, 'timers.mjs')];
    const serving = await serve(configuration('a'), { directory, node });
    const bearer = await new SignJWT({ iss: 'https://idp.example.com', sub: 'u1' })
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1h')
      .sign(idp.privateKey);
    const ask = () =>
      statusOf({ port: serving.ports.auth, ...asNginx({ Authorization: `Bearer ${bearer}` }) });
    expect(await ask()).toBe(200);
    const timers = await mostTimersOf(serving);
    const files = filesOf(serving);

    for (let round = 0; round < rounds; round++) {
      configure(serving, configuration(`a${round}`)(serving.ports));
      expect((await reload(serving)).result).toBe('applied');
      expect(await ask()).toBe(200);
    }
    await until(async () => (await mostTimersOf(serving)) <= timers, serving);
    expect(filesOf(serving)).toBeLessThanOrEqual(files);
    expect(fetches).toBe(1);
    expect((await describeServing(serving)).configuration.generation).toBe(rounds + 1);
    serving.kill('SIGTERM');
    expect(await serving.ended).toMatchObject({ code: 0 });
  });
});

(isMissing('redis-server') ? describe.skip : describe)('with Redis', () => {
  it('no connection is left, and a Redis that is down keeps no configuration away', async () => {
    const redis = await startRedis();
    const options = { redisPort: redis.port, replicas: 'own' } as const;
    const serving = await startReplicaProcess(options);
    await untilReplicaReady(serving);
    const kid = async () => (await describeServing(serving)).keys?.kid;
    const connections = () => redis.cli('CLIENT', 'LIST').split('\n').length;
    const before = connections();
    for (let round = 0; round < rounds; round++) {
      expect((await reload(serving)).result).toBe('applied');
    }
    expect(connections()).toBeLessThanOrEqual(before);

    await redis.crash();
    const published = (await call({ port: serving.ports.public, path: '/jwks' })).body;
    expect(await reload(serving)).toMatchObject({ result: 'applied' });
    expect(published).toContain(await kid());
    await until(
      async () => (await describeServing(serving)).revocations?.problem !== null,
      serving,
    );
    const asked = { port: serving.ports.auth, ...asNginx({ Authorization: 'Basic YTpi' }) };
    expect(await statusOf(asked)).toBe(200);
  });
});
