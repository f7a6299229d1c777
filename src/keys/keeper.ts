import { generatePrivateKey } from './generate.ts';
import { type KeyEvent, tellChanges } from './key-events.ts';
import { alwaysCurrent, createKeyRing, type KeyRing } from './key-ring.ts';
import type { PrivateKey } from './private-key.ts';
import { reconcile } from './reconcile.ts';
import type { RingStore } from './ring-store.ts';
import {
  activeKey,
  advance,
  firstRing,
  needsKey,
  nextRotation,
  type Ring,
  type RotationPolicy,
  signingFirst,
  stage,
} from './rotation.ts';
import { createTicker } from './ticker.ts';

export interface KeyKeeperDeps {
  readonly store: RingStore;
  readonly policy: RotationPolicy;
  /** Milliseconds since the epoch; see `createSteadyClock`. */
  readonly now: () => number;
  readonly log: (event: KeyEvent) => void;
  /** Told when a key was dropped that may have signed tokens which are still handed out. */
  readonly onDropped: () => void;
  readonly generate?: (alg: PrivateKey['alg']) => Promise<PrivateKey>;
}

export interface KeyStatus {
  /** Milliseconds since the epoch. */
  readonly activeSince: number;
  /** Milliseconds since the epoch; Infinity when keys are changed by hand only. */
  readonly nextRotation: number;
  /** Why the store cannot be used now; the keys in memory go on. */
  readonly problem: string | undefined;
}

/** Holds the keys of a running service, and moves them through their life. */
export interface KeyKeeper {
  /** Always what is current. */
  readonly ring: KeyRing;
  /** Does what is due now; `start` does so again and again. Never throws. */
  tick(): Promise<void>;
  start(): void;
  /** Goes by another policy from now on, with the same `publishAhead`. */
  rotateBy(policy: RotationPolicy): void;
  status(): KeyStatus;
  close(): Promise<void>;
}

/**
 * Opens a ring; the first instance makes it, with a key that signs at once.
 *
 * @throws KeyError when the store cannot be used
 */
export async function openKeyKeeper(deps: KeyKeeperDeps): Promise<KeyKeeper> {
  const { store, now, log, onDropped, generate = generatePrivateKey } = deps;
  let { policy } = deps;
  let held = await openRing({ store, policy, now, generate, log });
  let ring = createKeyRing(signingFirst(held));
  const publishedSince = new Map<string, number>();
  notePublished();

  function notePublished(): void {
    for (const { kid } of held.keys) {
      if (!publishedSince.has(kid)) publishedSince.set(kid, now());
    }
    for (const kid of publishedSince.keys()) {
      if (!held.keys.some((key) => key.kid === kid)) publishedSince.delete(kid);
    }
  }

  function adopt(next: Ring): void {
    if (next === held) return;
    const before = held;
    held = next;
    ring = createKeyRing(signingFirst(next));
    notePublished();
    tellChanges(before, next, log);
    if (wasDropped(before, next)) onDropped();
  }

  async function step(): Promise<void> {
    const stored = await store.read();
    const at = now();
    let next = reconcile(held, stored, policy, at);
    if (next === stored) adopt(next);
    next = advance(next, policy, at, (kid) => store.isKnownEverywhere(kid, policy.jwksMaxAge));
    if (needsKey(next, policy, at))
      next = stage(next, await generate(policy.algorithm), policy, at);
    if (next !== stored) {
      const version = Math.max(held.version, stored?.version ?? 0) + 1;
      next = { ...next, version };
      // Whoever was first is read at the next tick.
      if (!(await store.write(next))) return;
      adopt(next);
    }
    await store.announce(publishedSince);
  }

  const ticker = createTicker(step, tickEvery(policy), log);
  return {
    ring: alwaysCurrent(() => ring),
    tick: ticker.tick,
    start: ticker.start,
    rotateBy(next) {
      policy = next;
    },
    status: () => ({
      activeSince: activeKey(held.keys)?.since ?? 0,
      nextRotation: nextRotation(held, policy),
      problem: ticker.problem(),
    }),
    async close() {
      await ticker.stop();
      await store.close();
    },
  };
}

/** A key must not be late by much of the time that it is published ahead. */
export function tickEvery({ publishAhead }: RotationPolicy): number {
  return Math.min(1000, Math.max(50, publishAhead / 8));
}

async function openRing({
  store,
  policy,
  now,
  generate,
  log,
}: Required<Pick<KeyKeeperDeps, 'store' | 'policy' | 'now' | 'generate' | 'log'>>): Promise<Ring> {
  for (;;) {
    const stored = await store.read();
    if (stored !== undefined) return stored;
    const key = await generate(policy.algorithm);
    const first = firstRing(key, policy, now());
    if (await store.write(first)) {
      log({ event: 'key_active', kid: key.kid });
      return first;
    }
  }
}

function wasDropped(before: Ring, next: Ring): boolean {
  return before.keys.some(({ kid }) => next.dropped.some((each) => each.kid === kid));
}
