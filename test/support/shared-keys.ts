import { setTimeout as delay } from 'node:timers/promises';
import { unheard } from '../../src/keys/external/open.ts';
import type { KeyEvent } from '../../src/keys/key-events.ts';
import { type Keys, openKeys } from '../../src/keys/open-keys.ts';
import type { RedisKeySettings } from '../../src/keys/open-redis-keys.ts';
import type { RotationPolicy } from '../../src/keys/rotation.ts';
import type { RedisSettings } from '../../src/state/redis-settings.ts';

/** Moves as real time does, and by hand besides: a rotation takes no hour. */
export const clock = {
  ahead: 0,
  now: (): number => Date.now() + clock.ahead,
};

export const policy: RotationPolicy = {
  algorithm: 'Ed25519',
  every: 3_600_000,
  // What is due is looked for at an eighth of it.
  publishAhead: 400,
  jwksMaxAge: 5_000,
  tokenLife: 30_000,
};

export interface TestReplica extends Keys {
  readonly events: readonly KeyEvent[];
}

export interface ReplicaOptions {
  readonly redis: RedisSettings;
  readonly replicas?: RedisKeySettings['replicas'];
  /** The encryption keys. */
  readonly secrets?: readonly Uint8Array[];
  readonly signal?: AbortSignal;
  readonly onWaiting?: (reason: string) => void;
  /** Milliseconds that a key signs. */
  readonly every?: number;
}

export const secret: Uint8Array = Buffer.alloc(32, 'a secret of the deployment');

const open: Keys[] = [];

/** Opens the keys as a replica does. */
export async function openReplica({
  redis,
  replicas = 'shared',
  secrets = [secret],
  signal = new AbortController().signal,
  onWaiting = () => {},
  every = policy.every,
}: ReplicaOptions): Promise<TestReplica> {
  const events: KeyEvent[] = [];
  const state = { redis, prefix: 'test', encryptionKeys: secrets, waitForReplicas: 0 };
  const keys = await openKeys(
    { algorithm: policy.algorithm, policy: { ...policy, every }, state, replicas },
    {
      ...unheard,
      now: clock.now,
      onKeyEvent: (event) => events.push(event),
      waiting: { signal, onWaiting },
    },
  );
  keys.start();
  open.push(keys);
  return { ...keys, events };
}

/** For `afterEach`. */
export async function closeReplicas(): Promise<void> {
  await Promise.all(open.splice(0).map((keys) => keys.close()));
  clock.ahead = 0;
}

/** Lets much time pass in little: no step is longer than a replica may be silent. */
export async function letPass(duration: number): Promise<void> {
  for (let passed = 0; passed < duration; passed += 2000) {
    clock.ahead += 2000;
    await delay(150);
  }
}

export function kidsOf({ ring }: Keys): string[] {
  return ring.publicKeys.map(({ kid }) => String(kid));
}
