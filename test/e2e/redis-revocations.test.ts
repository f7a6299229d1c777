import { randomBytes, randomUUID } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createDeploymentKey } from '../../src/state/deployment-key.ts';
import { connectRedis } from '../../src/state/redis-connection.ts';
import { openRedisRevocations } from '../../src/state/redis-revocations.ts';
import type { RedisSettings } from '../../src/state/redis-settings.ts';
import { createRevocationCopy } from '../../src/state/revocation-copy.ts';
import { createRevocationStream } from '../../src/state/revocation-stream.ts';
import { createRevocationSweeper } from '../../src/state/revocation-sweeper.ts';
import { createRevocationTable } from '../../src/state/revocation-table.ts';
import type { IssuedToken, Revocation, Revocations } from '../../src/state/revocations.ts';
import { StateError } from '../../src/state/state-error.ts';
import { endAll, freshDirectory, isMissing, until } from '../support/process.ts';
import {
  type RedisServer,
  settingsFor,
  startCluster,
  startRedis,
  startSentinels,
} from '../support/redis.ts';
import { secret } from '../support/shared-keys.ts';

const describeWithRedis = isMissing('redis-server') ? describe.skip : describe;
const rules = { tokensCarrySubject: true, clockSkew: 0 };
const key = 'test:revocations';

const open: Revocations[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
  await endAll();
});

interface Options {
  readonly whenUnavailable?: 'refuse' | 'answer';
  readonly secrets?: readonly Uint8Array[];
  readonly waitForReplicas?: number;
  readonly signal?: AbortSignal;
}

async function openRevocations(
  redis: RedisSettings,
  {
    whenUnavailable = 'refuse',
    secrets = [secret],
    waitForReplicas = 0,
    signal = new AbortController().signal,
  }: Options = {},
): Promise<Revocations> {
  const revocations = await openRedisRevocations(
    { state: { redis, prefix: 'test', encryptionKeys: secrets, waitForReplicas }, whenUnavailable },
    rules,
    { now: Date.now, log: { info() {}, warn() {} }, waiting: { signal, onWaiting() {} } },
  );
  open.push(revocations);
  return revocations;
}

const later = () => Math.ceil(Date.now() / 1000) + 600;
const revocationOf = (jti: string): Revocation => ({ kind: 'token', jti, until: later() });
const tokenOf = (jti: string): IssuedToken => ({
  jti,
  subject: 'alice',
  clientId: 'web',
  kid: 'k',
  iat: 1,
});
const lengthOf = (server: RedisServer) => Number(server.cli('XLEN', key));

async function revokeAll(revocations: Revocations, jtis: readonly string[]): Promise<void> {
  for (const jti of jtis) await revocations.revoke(revocationOf(jti));
}

/** Waits until a token is known to be revoked. */
const untilRevoked = (revocations: Revocations, jti: string) =>
  until(() => revocations.isRevoked(tokenOf(jti)) === true);
const succeeds = (attempt: Promise<unknown>) =>
  attempt.then(
    () => true,
    () => false,
  );
const untilAnswering = (revocations: Revocations) =>
  until(() => revocations.isRevoked(tokenOf('never revoked')) === false);

describeWithRedis('revocations that replicas share', () => {
  it('reach every replica within a second, and tell listeners there', async () => {
    const redis = settingsFor(await startRedis());
    const [a, b] = [await openRevocations(redis), await openRevocations(redis)];
    const heard: Revocation[] = [];
    b.onChange((entry) => heard.push(entry));
    const delays: number[] = [];
    for (let count = 0; count < 20; count++) {
      const jti = randomUUID();
      await a.revoke(revocationOf(jti));
      const acknowledged = performance.now();
      expect(a.isRevoked(tokenOf(jti))).toBe(true);
      await untilRevoked(b, jti);
      delays.push(performance.now() - acknowledged);
    }
    expect(Math.max(...delays)).toBeLessThan(1000);
    expect(heard).toHaveLength(20);
  });

  it('carry every kind of rule', async () => {
    const redis = settingsFor(await startRedis());
    const [a, b] = [await openRevocations(redis), await openRevocations(redis)];
    const times = { upTo: 1000, until: later() };
    await a.revoke({ kind: 'subject', issuer: 'idp', subject: 'alice', ...times });
    await a.revoke({ kind: 'client', clientId: 'batch', ...times });
    await a.revoke({ kind: 'key', kid: 'old', ...times });
    const other = { ...tokenOf('any'), subject: 'bob' };
    await until(() => b.isRevoked({ ...other, kid: 'old' }) === true);
    expect(b.isRevoked(tokenOf('any'))).toBe(true);
    expect(b.isRevoked({ ...other, clientId: 'batch' })).toBe(true);
    expect(b.isRevoked({ ...other, iat: 1001, kid: 'old' })).toBe(false);
    await a.revoke({ kind: 'all', ...times });
    await until(() => b.isRevoked(other) === true);
  });

  it('are known to a replica that starts later, before it answers', async () => {
    const redis = settingsFor(await startRedis());
    const jtis = Array.from({ length: 2500 }, () => randomUUID());
    const a = await openRevocations(redis);
    for (let at = 0; at < jtis.length; at += 100) {
      await Promise.all(jtis.slice(at, at + 100).map((jti) => a.revoke(revocationOf(jti))));
    }
    const late = await openRevocations(redis);
    expect(jtis.every((jti) => late.isRevoked(tokenOf(jti)) === true)).toBe(true);
  });

  it('wait for Redis’s own replicas when told to', async () => {
    const server = await startRedis();
    const revocations = await openRevocations(settingsFor(server), { waitForReplicas: 1 });
    await expect(revocations.revoke(revocationOf('a'))).rejects.toThrow(/0 of its replicas/);
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] });
    const isKept = () =>
      revocations.revoke(revocationOf('b')).then(
        () => true,
        () => false,
      );
    await until(isKept);
    expect(replica.cli('INFO', 'replication')).toContain('master_link_status:up');
    expect(replica.cli('XREVRANGE', key, '+', '-', 'COUNT', '1')).toContain('"jti":"b"');
  });

  it('are removed from Redis and memory when they are over, but for the newest', async () => {
    const server = await startRedis();
    const redis = await connectRedis(settingsFor(server));
    const stream = createRevocationStream({ redis, reader: redis, key, waitForReplicas: 0 });
    const table = createRevocationTable(rules);
    let now = Date.now();
    const deps = {
      stream,
      table,
      deploymentKey: createDeploymentKey([secret], key),
      now: () => now,
    };
    const copy = createRevocationCopy({ ...deps, onNew() {}, name: 'Redis' });
    const write = (jti: string, seconds: number) =>
      copy.write({ kind: 'token', jti, until: Math.ceil(now / 1000) + seconds });
    const many = Array.from({ length: 2100 }, (_, at) => write(`short ${at}`, 10));
    await stream.append([write('long', 1000), ...many, write('newest', 10)]);
    await copy.follow();
    const sweeper = createRevocationSweeper({ ...deps, copy });
    await sweeper.sweep();
    expect(lengthOf(server)).toBe(2102);
    now += 20_000;
    // It goes on where it stopped, and begins anew at the end.
    await sweeper.sweep();
    await sweeper.sweep();
    expect(server.cli('XRANGE', key, '-', '+')).toMatch(/"long"[\s\S]*"newest"/);
    expect(lengthOf(server)).toBe(2);
    expect([...table.entries()]).toHaveLength(1);
    expect(await copy.follow()).toBe(true);
    await redis.close();
  });
});

describeWithRedis('revocations in a Redis that fails', () => {
  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'are refused, and nobody says that a token was not revoked; what was revoked stays so (%s)',
    async (signal) => {
      const server = await startRedis({ durable: true });
      const redis = settingsFor(server);
      const strict = await openRevocations(redis);
      const lenient = await openRevocations(redis, { whenUnavailable: 'answer' });
      await strict.revoke(revocationOf('a'));
      await untilRevoked(lenient, 'a');
      server.kill(signal);
      const asked = performance.now();
      await expect(strict.revoke(revocationOf('b'))).rejects.toThrow(StateError);
      expect(performance.now() - asked).toBeLessThan(3000);
      await until(() => strict.isRevoked(tokenOf('c')) === 'unavailable');
      expect(strict.isRevoked(tokenOf('a'))).toBe(true);
      expect(lenient.isRevoked(tokenOf('a'))).toBe(true);
      expect(lenient.isRevoked(tokenOf('c'))).toBe(false);
      if (signal === 'SIGSTOP') server.kill('SIGCONT');
      else await server.restart();
      await untilAnswering(strict);
      // What writes has a connection of its own, which may come back a moment later.
      await until(() => succeeds(strict.revoke(revocationOf('d'))));
      await untilRevoked(lenient, 'd');
    },
  );

  it('are written back once after Redis was wiped', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    const replicas = [await openRevocations(redis), await openRevocations(redis)];
    const [a, b] = replicas;
    if (a === undefined || b === undefined) throw new Error('no replicas');
    const jtis = Array.from({ length: 300 }, (_, at) => `token ${at}`);
    await revokeAll(a, jtis);
    await untilRevoked(b, jtis.at(-1) ?? '');
    server.cli('FLUSHALL');
    await until(() => lengthOf(server) === jtis.length);
    await Promise.all(replicas.map(untilAnswering));
    const late = await openRevocations(redis);
    expect(jtis.every((jti) => late.isRevoked(tokenOf(jti)) === true)).toBe(true);
    await a.revoke(revocationOf('after'));
    await untilRevoked(b, 'after');
    expect(lengthOf(server)).toBe(jtis.length + 1);
  });

  it('are written back after Redis came back with an older state', async () => {
    const server = await startRedis({ durable: true });
    const redis = settingsFor(server);
    const [a, b] = [await openRevocations(redis), await openRevocations(redis)];
    await revokeAll(a, ['1', '2']);
    await untilRevoked(b, '2');
    const log = join(server.directory, 'appendonlydir');
    const copy = join(freshDirectory(), 'copy');
    cpSync(log, copy, { recursive: true });
    await revokeAll(a, ['3', '4', '5']);
    await server.crash();
    rmSync(log, { recursive: true });
    cpSync(copy, log, { recursive: true });
    await server.restart();
    await Promise.all([a, b].map(untilAnswering));
    const late = await openRevocations(redis);
    for (const each of [a, b, late]) {
      await untilRevoked(each, '5');
      expect(['1', '2', '3', '4'].map((jti) => each.isRevoked(tokenOf(jti)))).toEqual([
        true,
        true,
        true,
        true,
      ]);
    }
  });

  it('are written back when Redis lost some and others came since', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    const [a, b] = [await openRevocations(redis), await openRevocations(redis)];
    await revokeAll(a, ['1', '2', '3']);
    await untilRevoked(b, '3');
    server.cli('DEL', key);
    await revokeAll(a, ['4']);
    const late = async () => (await openRevocations(redis)).isRevoked(tokenOf('1')) === true;
    await until(late);
    await untilRevoked(b, '4');
  });

  it('are not believed when no replica wrote them, and answer again when they are gone', async () => {
    const server = await startRedis();
    const revocations = await openRevocations(settingsFor(server));
    const forged = JSON.stringify({ kind: 'all', upTo: 9_999_999_999, until: 9_999_999_999 });
    const id = server.cli('XADD', key, '*', 'n', '1', 'entry', `${forged}.AAAA`);
    await until(() => revocations.isRevoked(tokenOf('a')) === 'unavailable');
    expect(revocations.isUnderRule(tokenOf('a'))).toBe(false);
    server.cli('XDEL', key, id);
    await untilAnswering(revocations);
  });

  it('are understood under the previous encryption key', async () => {
    const redis = settingsFor(await startRedis());
    const next = randomBytes(32);
    await revokeAll(await openRevocations(redis), ['a']);
    expect(
      (await openRevocations(redis, { secrets: [next, secret] })).isRevoked(tokenOf('a')),
    ).toBe(true);
  });

  it('outlive a failover by Sentinel that lost the last ones', async () => {
    const { master, replica: spare, nodes } = await startSentinels();
    const at = {
      kind: 'sentinel',
      name: 'main',
      nodes,
      username: undefined,
      password: undefined,
      database: 0,
    } as const;
    const redis = { ...settingsFor(master), at };
    const [a, b] = [await openRevocations(redis), await openRevocations(redis)];
    await revokeAll(a, ['1']);
    spare.kill('SIGSTOP');
    await revokeAll(a, ['2', '3']);
    await untilRevoked(b, '3');
    await master.crash();
    spare.kill('SIGCONT');
    await until(() => spare.cli('ROLE').startsWith('master'));
    await Promise.all([a, b].map(untilAnswering));
    const late = await openRevocations(redis);
    for (const each of [a, b, late]) await untilRevoked(each, '3');
  });

  it('work in a Cluster', async () => {
    const [first] = await startCluster();
    if (first === undefined) throw new Error('no cluster');
    const redis: RedisSettings = {
      ...settingsFor(first),
      at: { kind: 'cluster', nodes: [first.node] },
    };
    const [a, b] = [await openRevocations(redis), await openRevocations(redis)];
    await revokeAll(a, ['1']);
    await untilRevoked(b, '1');
  });
});
