import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';
import { endAll, isMissing, type Serving } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { isActive, issueToken, revokeToken, startReplicaSet } from '../support/replica-set.ts';
import { createStrictVerifier } from '../support/strict-verifier.ts';

const describeWithRedis = isMissing('redis-server') ? describe.skip : describe;

/** `npm run chaos` asks for more. */
const rounds = Number(process.env['COUNTERSIGN_CHAOS_REDIS_ROUNDS'] ?? 1);
/** Milliseconds; the longest that a revocation may be unknown elsewhere. */
const spreadsWithin = 1500;

jest.setTimeout(120_000 + rounds * 120_000);
afterEach(endAll);

function pickFrom<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T;
}

interface Tally {
  minted: number;
  /** This machine was too slow to look at so many before their end. */
  late: number;
  verified: number;
  revoked: number;
  refusedToRevoke: number;
  unknown: number;
  readonly kids: Set<string>;
  readonly failures: string[];
}

/** Each of these goes on until it is told to stop. */
async function mintAndVerify(replicas: readonly Serving[], tally: Tally, isOver: () => boolean) {
  const verifiers = [1, 2, 3, 4].map(() => createStrictVerifier(() => pickFrom(replicas)));
  while (!isOver()) {
    const token = await issueToken(pickFrom(replicas));
    tally.minted++;
    tally.kids.add(token.split('.')[0] ?? '');
    const check = async (when: string) => {
      const at = new Date();
      if (at.getTime() >= (decodeJwt(token).exp ?? 0) * 1000) {
        tally.late++;
        return;
      }
      try {
        await pickFrom(verifiers).verify(token, at);
        tally.verified++;
      } catch (error) {
        tally.failures.push(`${when}: ${(error as Error).message}`);
      }
    };
    await check('at once');
    setTimeout(() => void check('near its end'), 8000).unref();
    await delay(10);
  }
}

async function revokeAndAsk(replicas: readonly Serving[], tally: Tally, isOver: () => boolean) {
  const asking: Promise<void>[] = [];
  while (!isOver()) {
    const [token, other] = [
      await issueToken(pickFrom(replicas)),
      await issueToken(pickFrom(replicas)),
    ];
    const answer = await isActive(pickFrom(replicas), other);
    if (answer === 'unknown') tally.unknown++;
    if (answer === false) tally.failures.push('a good token is called inactive');
    const { status } = await revokeToken(pickFrom(replicas), token);
    if (status === 200) {
      tally.revoked++;
      asking.push(askAll(replicas, token, tally));
    } else if (status === 503) {
      tally.refusedToRevoke++;
    } else {
      tally.failures.push(`revoking answered ${status}`);
    }
    await delay(50);
  }
  await Promise.all(asking);
}

/** A revoked token, to its end, at every replica. */
async function askAll(replicas: readonly Serving[], token: string, tally: Tally): Promise<void> {
  await delay(spreadsWithin);
  for (let count = 0; count < 4; count++) {
    for (const [at, replica] of replicas.entries()) {
      if ((await isActive(replica, token)) !== true) continue;
      tally.failures.push(`replica ${at} calls a revoked token active, look ${count}`);
    }
    await delay(1000);
  }
}

const calm = () => delay(7500);

/** What befalls Redis, one after the other; each time all is to be well again by itself. */
const misfortunes: readonly ((redis: RedisServer) => Promise<void>)[] = [
  async (redis) => {
    redis.kill('SIGSTOP');
    await delay(3000);
    redis.kill('SIGCONT');
  },
  async (redis) => {
    await redis.crash();
    await delay(2000);
    await redis.restart();
  },
  async (redis) => {
    redis.cli('FLUSHALL');
  },
  async (redis) => {
    redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
  },
];

async function runChaos(replicas: readonly Serving[], redis: RedisServer): Promise<Tally> {
  const tally: Tally = {
    minted: 0,
    late: 0,
    verified: 0,
    revoked: 0,
    refusedToRevoke: 0,
    unknown: 0,
    kids: new Set(),
    failures: [],
  };
  let over = false;
  const isOver = () => over;
  const work = [
    ...[1, 2].map(() => mintAndVerify(replicas, tally, isOver)),
    revokeAndAsk(replicas, tally, isOver),
  ];
  const weather = async () => {
    for (let round = 0; round < rounds; round++) {
      for (const strike of misfortunes) {
        await calm();
        await strike(redis);
      }
    }
    await calm();
    over = true;
  };
  await Promise.all([...work, weather()]);
  return tally;
}

describeWithRedis('three replicas behind a router, whose Redis hangs, is killed and wiped', () => {
  it.each(['shared', 'own'] as const)(
    'mint nothing that does not verify, and call nothing active that was revoked (keys: %s)',
    async (mode) => {
      const redis = await startRedis({ durable: true });
      const replicas = await startReplicaSet({ redisPort: redis.port, replicas: mode });
      const tally = await runChaos(replicas, redis);
      const { failures, kids, ...counts } = tally;
      console.info(JSON.stringify({ mode, rounds, keys: kids.size, ...counts }));
      expect(failures).toEqual([]);
      expect(kids.size).toBeGreaterThan(mode === 'own' ? 4 : 2);
      expect(counts.minted).toBeGreaterThan(200);
      expect(counts.verified).toBeGreaterThan(counts.minted);
      expect(counts.revoked).toBeGreaterThan(20);
      expect(counts.unknown).toBeGreaterThan(0);
    },
  );
});
