import { setTimeout as delay } from 'node:timers/promises';
import { createDeploymentKey, type DeploymentKey } from '../state/deployment-key.ts';
import { connectRedis } from '../state/redis-connection.ts';
import type { SharedState } from '../state/redis-settings.ts';
import { type KeyKeeperDeps, openKeyKeeper, tickEvery } from './keeper.ts';
import { KeyError } from './key-error.ts';
import { createKeyRing, type KeyRing } from './key-ring.ts';
import { KeyStoreUnavailable } from './key-store-unavailable.ts';
import type { Keys } from './open-keys.ts';
import { openOwnKeys } from './open-own-keys.ts';
import { createReplicas, type Replicas } from './redis-replicas.ts';
import { createRedisRingStore } from './redis-ring-store.ts';
import type { RingStore } from './ring-store.ts';
import { type RotationPolicy, signingFirst } from './rotation.ts';

export interface RedisKeySettings {
  readonly state: SharedState;
  /** Do all replicas sign with one key, or each with a key that never leaves it? */
  readonly replicas: 'shared' | 'own';
  readonly policy: RotationPolicy;
}

/** What is waited for at start; `signal` ends the wait. */
export interface WaitingDeps {
  readonly signal: AbortSignal;
  /** Told what it waits for, in words for people. */
  readonly onWaiting: (reason: string) => void;
}

export interface RedisKeysDeps extends Pick<KeyKeeperDeps, 'now' | 'log' | 'onDropped'> {
  readonly waiting: WaitingDeps;
}

/**
 * Opens keys that several replicas know of. Waits while Redis is down: there is nothing to sign
 * with, and a process that ends would only be started again.
 *
 * @throws KeyError when what Redis holds cannot be used; an AbortError when told to stop waiting
 */
export async function openRedisKeys(
  settings: RedisKeySettings,
  deps: RedisKeysDeps,
): Promise<Keys> {
  const { policy } = settings;
  const opened = await openParts(settings, deps.now);
  const keys = { ...opened, policy, every: tickEvery(policy) };
  try {
    if (settings.replicas === 'own') return await openOwnKeys(keys, deps);
    const store = createRedisRingStore(opened);
    const keeper = await whenAvailable(
      () => openKeyKeeper({ ...deps, store, policy }),
      deps.waiting,
    );
    await keeper.tick();
    return { ...keeper, jwksMaxAge: policy.jwksMaxAge };
  } catch (error) {
    await opened.redis.close();
    throw error;
  }
}

/**
 * For commands: the ring of all replicas. Whoever opens it this way is no replica itself.
 *
 * @throws KeyError when each replica has its own keys
 */
export async function openRedisRing(
  settings: RedisKeySettings,
  now: () => number,
): Promise<RingStore> {
  if (settings.replicas === 'own') {
    throw new KeyError('Each replica has its own keys (keys.replicas), which never leave it');
  }
  return createRedisRingStore(await openParts(settings, now));
}

/**
 * Reads the keys of all replicas and changes nothing.
 *
 * @throws KeyError when there is no sound key, or it cannot be read now
 */
export async function readRedisKeyRing(settings: RedisKeySettings): Promise<KeyRing> {
  const store = await openRedisRing(settings, Date.now);
  try {
    const ring = await store.read();
    if (ring === undefined) throw new KeyStoreUnavailable('There are no keys in Redis yet');
    return createKeyRing(signingFirst(ring));
  } finally {
    await store.close();
  }
}

async function openParts({ state, policy }: RedisKeySettings, now: () => number) {
  const { prefix, encryptionKeys } = state;
  const redis = await connectRedis(state.redis);
  const deploymentKey: DeploymentKey = createDeploymentKey(encryptionKeys, `${prefix} keys`);
  const aliveFor = Math.max(policy.publishAhead, shortestLife);
  const replicas: Replicas = createReplicas({ redis, prefix, aliveFor, now });
  return { redis, prefix, deploymentKey, replicas };
}

/** Milliseconds. */
const shortestLife = 10_000;
const retryEvery = 250;

async function whenAvailable<T>(
  open: () => Promise<T>,
  { signal, onWaiting }: WaitingDeps,
): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof KeyStoreUnavailable)) throw error;
      onWaiting(error.message);
    }
    await delay(retryEvery, undefined, { signal });
  }
}
