import { setTimeout as delay } from 'node:timers/promises';
import type { DeploymentKey } from '../state/deployment-key.ts';
import type { RedisConnection } from '../state/redis-connection.ts';
import { alwaysCurrent, type KeyRing } from './key-ring.ts';
import type { Keys } from './open-keys.ts';
import type { RedisKeysDeps } from './open-redis-keys.ts';
import { createOwnKeys, type OwnKeys } from './own-keys.ts';
import { createRedisPublicKeys } from './redis-public-keys.ts';
import type { Replicas } from './redis-replicas.ts';
import type { RotationPolicy } from './rotation.ts';
import { createTicker } from './ticker.ts';

export interface OwnKeySettings {
  readonly redis: RedisConnection;
  readonly prefix: string;
  readonly deploymentKey: DeploymentKey;
  readonly replicas: Replicas;
  readonly policy: RotationPolicy;
  /** Milliseconds between two looks at what is due. */
  readonly every: number;
}

/**
 * Opens the keys of a replica that signs with its own. Waits until every verifier can know its
 * first key: it has been published for long enough, by every replica.
 *
 * @throws an AbortError when told to stop waiting
 */
export async function openOwnKeys(settings: OwnKeySettings, deps: RedisKeysDeps): Promise<Keys> {
  const { redis, policy, replicas, every } = settings;
  const publicKeys = createRedisPublicKeys(settings);
  const own = createOwnKeys({ ...settings, ...deps, publicKeys });
  const ticker = createTicker(own.step, every, deps.log);
  await ticker.tick();
  while (own.ring() === undefined) {
    deps.waiting.onWaiting(ticker.problem() ?? describeWait(own, deps.now()));
    await delay(every, undefined, { signal: deps.waiting.signal });
    await ticker.tick();
  }
  return {
    ring: alwaysCurrent(() => own.ring() as KeyRing),
    jwksMaxAge: policy.jwksMaxAge,
    start: ticker.start,
    rotateBy: own.rotateBy,
    status: () => ({ ...own.status(), problem: ticker.problem() }),
    async close() {
      await ticker.stop();
      await replicas.leave();
      await redis.close();
    },
  };
}

/** Something is always awaited: the time, or the other replicas. */
function describeWait(own: OwnKeys, now: number): string {
  const seconds = Math.ceil((own.status().nextRotation - now) / 1000);
  return seconds > 0
    ? `the first key is published, and signs in ${seconds} s`
    : 'the first key is published, and signs once every replica publishes it';
}
