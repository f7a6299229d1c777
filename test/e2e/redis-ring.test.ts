import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { KeyError } from '../../src/keys/key-error.ts';
import { endAll, freePorts, isMissing, until } from '../support/process.ts';
import {
  type RedisServer,
  settingsFor,
  startCluster,
  startRedis,
  startSentinels,
} from '../support/redis.ts';
import {
  clock,
  closeReplicas,
  kidsOf,
  letPass,
  openReplica,
  secret,
  type TestReplica,
} from '../support/shared-keys.ts';

const describeWithRedis = isMissing('redis-server') ? describe.skip : describe;

afterEach(async () => {
  await closeReplicas();
  await endAll();
});

const signingKid = ({ ring }: TestReplica) => ring.signer.kid;
const problemOf = (replica: TestReplica) => replica.status()?.problem;
const storedTag = (server: RedisServer) => server.cli('HGET', 'test:ring', 'tag');

describeWithRedis('a ring that replicas share', () => {
  it('is made by one of them, when several start at once', async () => {
    const redis = settingsFor(await startRedis());
    const replicas = await Promise.all([1, 2, 3].map(() => openReplica({ redis })));
    expect(new Set(replicas.map(signingKid)).size).toBe(1);
    expect(replicas.flatMap(({ events }) => events)).toHaveLength(1);
  });

  it('holds no private key that can be read in Redis', async () => {
    const server = await startRedis();
    const replica = await openReplica({ redis: settingsFor(server) });
    const dump = server.cli('HGETALL', 'test:ring');
    const bytes = Buffer.from(server.cli('HGET', 'test:ring', 'ring'), 'base64').toString('latin1');
    for (const text of [dump, bytes]) expect(text).not.toContain(signingKid(replica));
    expect(dump).not.toContain('"d"');
  });

  it('changes its key everywhere once all have published the new one for long enough', async () => {
    const redis = settingsFor(await startRedis());
    const a = await openReplica({ redis, every: 20_000 });
    const b = await openReplica({ redis, every: 20_000 });
    const old = signingKid(a);
    await letPass(18_000);
    await until(() => kidsOf(a).length === 2 && kidsOf(b).length === 2);
    await letPass(2_000);
    expect([signingKid(a), signingKid(b)]).toEqual([old, old]);
    await letPass(4_000);
    await until(() => signingKid(a) !== old && signingKid(b) !== old);
    expect(signingKid(a)).toBe(signingKid(b));
    expect(kidsOf(a)).toContain(old);
  });

  it('does not change its key while a replica has not published the new one', async () => {
    const server = await startRedis();
    const replica = await openReplica({ redis: settingsFor(server), every: 20_000 });
    const old = signingKid(replica);
    const silent = `${'9'.repeat(15)} ${JSON.stringify({ [old]: 1_000_000 })}`;
    server.cli('HSET', 'test:replicas', 'silent', silent);
    await letPass(60_000);
    expect(kidsOf(replica)).toHaveLength(2);
    expect(signingKid(replica)).toBe(old);
    server.cli('HDEL', 'test:replicas', 'silent');
    await until(() => signingKid(replica) !== old);
  });

  it('is not waited on by a replica that has left', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    const [stays, leaves] = [await openReplica({ redis }), await openReplica({ redis })];
    expect(server.cli('HLEN', 'test:replicas')).toBe('2');
    await leaves.close();
    expect(server.cli('HLEN', 'test:replicas')).toBe('1');
    expect(problemOf(stays)).toBeUndefined();
  });

  it('stays as it is after a break until the others had time to come back', async () => {
    const server = await startRedis({ durable: true });
    const replica = await openReplica({ redis: settingsFor(server), every: 20_000 });
    const old = signingKid(replica);
    await letPass(20_000);
    await until(() => kidsOf(replica).length === 2);
    await server.crash();
    await until(() => problemOf(replica) !== undefined);
    await letPass(20_000);
    await server.restart();
    await until(() => problemOf(replica) === undefined);
    await letPass(6_000);
    expect(signingKid(replica)).toBe(old);
    await letPass(6_000);
    await until(() => signingKid(replica) !== old);
  });
});

describeWithRedis('a ring in a Redis that fails', () => {
  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'goes on in memory, says why, and recovers by itself (%s)',
    async (signal) => {
      const server = await startRedis({ durable: true });
      const replica = await openReplica({ redis: settingsFor(server) });
      const kid = signingKid(replica);
      server.kill(signal);
      await until(() =>
        /Redis at .*(does not answer|cannot be reached)/.test(problemOf(replica) ?? ''),
      );
      expect(await replica.ring.signer.sign('a.b')).toMatch(/./);
      if (signal === 'SIGSTOP') server.kill('SIGCONT');
      else await server.restart();
      await until(() => problemOf(replica) === undefined);
      expect(signingKid(replica)).toBe(kid);
      expect(replica.events.map(({ event }) => event)).toEqual(
        expect.arrayContaining(['key_store_failed', 'key_store_recovered']),
      );
    },
  );

  it('survives connections that are killed', async () => {
    const server = await startRedis();
    const replica = await openReplica({ redis: settingsFor(server) });
    for (let count = 0; count < 5; count++) {
      server.cli('CLIENT', 'KILL', 'TYPE', 'normal');
      await until(() => server.cli('CLIENT', 'LIST').includes('name=countersign'));
    }
    await until(() => problemOf(replica) === undefined);
  });

  it('is written again after Redis was wiped', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    const [a, b] = [await openReplica({ redis }), await openReplica({ redis })];
    const kid = signingKid(a);
    server.cli('FLUSHALL');
    await until(() => storedTag(server) !== '');
    const late = await openReplica({ redis });
    expect([a, b, late].map(signingKid)).toEqual([kid, kid, kid]);
  });

  it('is written again when Redis comes back with an older one', async () => {
    const server = await startRedis();
    const replica = await openReplica({ redis: settingsFor(server) });
    const [tag, ring] = [storedTag(server), server.cli('HGET', 'test:ring', 'ring')];
    clock.ahead += 3_600_000;
    await until(() => kidsOf(replica).length === 2);
    const published = kidsOf(replica);
    server.cli('HSET', 'test:ring', 'tag', tag, 'ring', ring);
    await until(() => Number.parseInt(storedTag(server), 10) > 2);
    const late = await openReplica({ redis: settingsFor(server) });
    expect([kidsOf(replica), kidsOf(late)]).toEqual([published, published]);
  });

  it.each([
    [
      'a replica that is read only',
      'READONLY',
      (server: RedisServer, other: RedisServer) => {
        server.cli('CONFIG', 'SET', 'replica-read-only', 'yes');
        server.cli('REPLICAOF', '127.0.0.1', String(other.port));
      },
      (server: RedisServer) => server.cli('REPLICAOF', 'NO', 'ONE'),
    ],
    [
      'out of memory',
      'OOM',
      (server: RedisServer) => server.cli('CONFIG', 'SET', 'maxmemory', '1'),
      (server: RedisServer) => server.cli('CONFIG', 'SET', 'maxmemory', '0'),
    ],
  ] as const)('goes on while Redis is %s', async (_, code, breakIt, mend) => {
    const [server, other] = [await startRedis(), await startRedis()];
    const replica = await openReplica({ redis: settingsFor(server) });
    const kid = signingKid(replica);
    breakIt(server, other);
    await until(() => problemOf(replica)?.includes(code) ?? false);
    mend(server);
    await until(() => problemOf(replica) === undefined);
    expect(signingKid(replica)).toBe(kid);
  });

  it('is waited for at start while Redis is down, and says so', async () => {
    const [port = 0] = await freePorts(1);
    const redis = {
      ...settingsFor(await startRedis()),
      at: { kind: 'server' as const, node: { host: '127.0.0.1', port }, database: 0 },
    };
    const waitedFor: string[] = [];
    const opening = openReplica({ redis, onWaiting: (reason) => waitedFor.push(reason) });
    await until(() => waitedFor.length > 0);
    await startRedis({ port });
    expect(signingKid(await opening)).toMatch(/./);
    expect(waitedFor[0]).toMatch(/cannot be reached \(ECONNREFUSED\)/);
  });

  it('stops waiting when told to', async () => {
    const [port = 0] = await freePorts(1);
    const at = { kind: 'server' as const, node: { host: '127.0.0.1', port }, database: 0 };
    const redis = { at, username: undefined, password: undefined, tls: undefined };
    const told = new AbortController();
    const opening = openReplica({ redis, signal: told.signal });
    told.abort();
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describeWithRedis('a ring that is not to be trusted', () => {
  it('is neither used nor replaced at start with another encryption key', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    await openReplica({ redis });
    const tag = storedTag(server);
    const opening = openReplica({ redis, secrets: [randomBytes(32)] });
    await expect(opening).rejects.toThrow(KeyError);
    await expect(opening).rejects.toThrow('was not written with this encryption key');
    expect(storedTag(server)).toBe(tag);
  });

  it('is not used while running either: the last good one stays', async () => {
    const server = await startRedis();
    const replica = await openReplica({ redis: settingsFor(server) });
    const kid = signingKid(replica);
    const ring = server.cli('HGET', 'test:ring', 'ring');
    server.cli('HSET', 'test:ring', 'tag', '7 forged', 'ring', ring);
    await until(
      () => problemOf(replica)?.includes('not written with this encryption key') ?? false,
    );
    expect(kidsOf(replica)).toEqual([kid]);
    server.cli('DEL', 'test:ring');
    await until(() => problemOf(replica) === undefined);
    expect(kidsOf(replica)).toEqual([kid]);
  });

  it('moves to a new encryption key when the old one is given as the previous one', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    const kid = signingKid(await openReplica({ redis }));
    const tag = storedTag(server);
    const next = randomBytes(32);
    const replica = await openReplica({ redis, secrets: [next, secret] });
    await until(() => storedTag(server) !== tag);
    await closeReplicas();
    expect(signingKid(replica)).toBe(kid);
    expect(signingKid(await openReplica({ redis, secrets: [next] }))).toBe(kid);
  });
});

describeWithRedis('a ring in a Redis of several servers', () => {
  it('survives a failover by Sentinel', async () => {
    const { master, replica: spare, nodes } = await startSentinels();
    const sentinel = {
      kind: 'sentinel',
      name: 'main',
      nodes,
      username: undefined,
      password: undefined,
      database: 0,
    } as const;
    const replica = await openReplica({ redis: { ...settingsFor(master), at: sentinel } });
    const kid = signingKid(replica);
    await until(() => storedTag(spare) !== '');
    await master.crash();
    await until(() => problemOf(replica) !== undefined);
    await until(() => problemOf(replica) === undefined);
    expect(spare.cli('ROLE')).toMatch(/^master/);
    expect(signingKid(replica)).toBe(kid);
  });

  it('works in a Cluster', async () => {
    const [first, ...others] = await startCluster();
    if (first === undefined) throw new Error('no cluster');
    const at = { kind: 'cluster', nodes: [first.node] } as const;
    const redis = { ...settingsFor(first), at };
    const [a, b] = [await openReplica({ redis }), await openReplica({ redis })];
    expect(signingKid(a)).toBe(signingKid(b));
    expect(
      [first, ...others].map((each) => each.cli('DBSIZE')).filter((size) => size !== '0'),
    ).not.toEqual([]);
  });
});
