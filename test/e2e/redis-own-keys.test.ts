import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { endAll, isMissing, until } from '../support/process.ts';
import { type RedisServer, settingsFor, startRedis } from '../support/redis.ts';
import {
  clock,
  closeReplicas,
  kidsOf,
  letPass,
  openReplica,
  type ReplicaOptions,
  type TestReplica,
} from '../support/shared-keys.ts';

const describeWithRedis = isMissing('redis-server') ? describe.skip : describe;

afterEach(async () => {
  await closeReplicas();
  await endAll();
});

/** Opens a replica with its own keys; its wait goes by quickly. */
async function openOwn(options: ReplicaOptions): Promise<TestReplica> {
  let isOpen = false;
  const opening = openReplica({ ...options, replicas: 'own' }).finally(() => {
    isOpen = true;
  });
  while (!isOpen) await letPass(2000);
  return opening;
}

const signingKid = ({ ring }: TestReplica) => ring.signer.kid;
const hash = 'test:public-keys';
const fieldOf = (replica: TestReplica) => `key ${signingKid(replica)}`;
const publishes = (replica: TestReplica, other: TestReplica) =>
  kidsOf(replica).includes(signingKid(other));
const isThere = (server: RedisServer, replica: TestReplica) =>
  server.cli('HEXISTS', hash, fieldOf(replica)) === '1';

describeWithRedis('replicas with keys of their own', () => {
  it('sign with different keys, and publish those of all', async () => {
    const redis = settingsFor(await startRedis());
    const [a, b] = await Promise.all([openOwn({ redis }), openOwn({ redis })]);
    expect(signingKid(a)).not.toBe(signingKid(b));
    await until(() => publishes(a, b) && publishes(b, a));
    expect(a.ring.verificationKey(signingKid(b))?.key.type).toBe('public');
  });

  it('keep the private halves to themselves', async () => {
    const server = await startRedis();
    const replica = await openOwn({ redis: settingsFor(server) });
    const text = server.cli('HGET', hash, fieldOf(replica));
    expect(Object.keys(JSON.parse(text.slice(0, text.lastIndexOf('.'))).jwk).sort()).toEqual([
      'crv',
      'kty',
      'x',
    ]);
  });

  it('wait at start until all others have published the new key, and say why', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    const waitedFor: string[] = [];
    server.cli('HSET', 'test:replicas', 'silent', `${'9'.repeat(15)} {}`);
    let isOpen = false;
    const opening = openReplica({
      redis,
      replicas: 'own',
      onWaiting: (reason) => waitedFor.push(reason),
    });
    void opening.then(() => {
      isOpen = true;
    });
    await letPass(30_000);
    expect(isOpen).toBe(false);
    expect(waitedFor[0]).toMatch(/the first key is published, and signs in 1 s/);
    expect(waitedFor.at(-1)).toMatch(/signs once every replica publishes it/);
    server.cli('HDEL', 'test:replicas', 'silent');
    expect(signingKid(await opening)).toMatch(/./);
  });

  it('change their keys without a gap: the next is published everywhere before it signs', async () => {
    const redis = settingsFor(await startRedis());
    const [a, b] = [await openOwn({ redis, every: 40_000 }), await openOwn({ redis })];
    const old = signingKid(a);
    await until(() => publishes(b, a));
    const seen = new Set<string>();
    for (let passed = 0; signingKid(a) === old && passed < 200_000; passed += 2000) {
      await letPass(2000);
      for (const kid of kidsOf(b)) seen.add(kid);
    }
    expect(signingKid(a)).not.toBe(old);
    expect(seen).toContain(signingKid(a));
    expect(kidsOf(b)).toEqual(expect.arrayContaining([old, signingKid(a)]));
  });

  it('publish the key of one that died until its last token has expired', async () => {
    const redis = settingsFor(await startRedis());
    const [stays, dies] = [await openOwn({ redis }), await openOwn({ redis })];
    const kid = signingKid(dies);
    await until(() => publishes(stays, dies));
    await dies.close();
    await letPass(60_000);
    expect(kidsOf(stays)).toContain(kid);
    await letPass(50_000);
    await until(() => !kidsOf(stays).includes(kid));
  });

  it('publish one another’s keys while Redis is down, however long, and afterwards', async () => {
    const server = await startRedis({ durable: true });
    const redis = settingsFor(server);
    const [a, b] = [await openOwn({ redis }), await openOwn({ redis })];
    await until(() => publishes(a, b) && publishes(b, a));
    server.kill('SIGSTOP');
    await until(() => a.status()?.problem !== undefined);
    clock.ahead += 3_000_000;
    await delay(1500);
    expect([publishes(a, b), publishes(b, a)]).toEqual([true, true]);
    server.kill('SIGCONT');
    await until(() => a.status()?.problem === undefined && b.status()?.problem === undefined);
    await letPass(30_000);
    expect([publishes(a, b), publishes(b, a)]).toEqual([true, true]);
  });

  it('fill a wiped Redis again, also with the keys of one that died', async () => {
    const server = await startRedis();
    const redis = settingsFor(server);
    const [stays, dies] = [await openOwn({ redis }), await openOwn({ redis })];
    await until(() => publishes(stays, dies));
    await dies.close();
    server.cli('FLUSHALL');
    await until(() => isThere(server, stays) && isThere(server, dies));
    expect(publishes(await openOwn({ redis }), dies)).toBe(true);
  });

  it('do not publish what no replica wrote', async () => {
    const server = await startRedis();
    const replica = await openOwn({ redis: settingsFor(server) });
    const written = server.cli('HGET', hash, fieldOf(replica));
    const forged = written.replace(/"kid":"[^"]*"/, '"kid":"forged"');
    server.cli('HSET', hash, 'key forged', forged, 'tag', 'forged');
    await letPass(4000);
    expect(kidsOf(replica)).toEqual([signingKid(replica)]);
    expect(replica.status()?.problem).toBeUndefined();
  });
});
