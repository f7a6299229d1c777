import type { DeploymentKey } from '../state/deployment-key.ts';
import { generatePrivateKey } from './generate.ts';
import type { KeyStatus } from './keeper.ts';
import { type KeyEvent, tellChanges } from './key-events.ts';
import { createKeyRing, type KeyRing } from './key-ring.ts';
import { createPublicKeyEntry, type PublicKeyEntry } from './public-key-entry.ts';
import type { RedisPublicKeys } from './redis-public-keys.ts';
import type { Replicas } from './redis-replicas.ts';
import {
  activeKey,
  advance,
  afterlife,
  needsKey,
  nextRotation,
  type Ring,
  type RingKey,
  type RotationPolicy,
  signingFirst,
  stage,
} from './rotation.ts';

export interface OwnKeysDeps {
  readonly publicKeys: RedisPublicKeys;
  readonly replicas: Replicas;
  readonly deploymentKey: DeploymentKey;
  readonly policy: RotationPolicy;
  /** Milliseconds since the epoch; see `createSteadyClock`. */
  readonly now: () => number;
  readonly log: (event: KeyEvent) => void;
}

/** The keys of a replica whose private keys never leave it. */
export interface OwnKeys {
  /** Its own and all others' keys; undefined until its first key signs. */
  ring(): KeyRing | undefined;
  /** Does what is due now. @throws KeyError */
  step(): Promise<void>;
  /** Goes by another policy from now on, with the same `publishAhead`. */
  rotateBy(policy: RotationPolicy): void;
  status(): Omit<KeyStatus, 'problem'>;
}

/** After a break, an owner has this long (ms) to say that its key lives on. */
const timeToComeBack = 10_000;

/** Makes the keys of a replica, and publishes them with those of all others. */
export function createOwnKeys(deps: OwnKeysDeps): OwnKeys {
  const { publicKeys, replicas, now, log } = deps;
  let { policy } = deps;
  let held: Ring = { version: 0, keys: [], dropped: [] };
  let ring: KeyRing | undefined;
  let made: { readonly held: Ring; readonly all: readonly PublicKeyEntry[] } | undefined;
  let own = new Map<string, PublicKeyEntry>();
  let stagedSince = new Map<string, number>();

  function isOver({ kid, until }: PublicKeyEntry): boolean {
    if (own.has(kid)) return false;
    return until <= now() && replicas.unbrokenFor() >= policy.jwksMaxAge + timeToComeBack;
  }

  /** What other replicas wait for: keys that do not sign yet. The others were published before. */
  function noteStaged(): void {
    // A replica that has served nobody yet counts as one that has published since ever.
    const first = ring === undefined ? 0 : now();
    const staged = publicKeys.all().filter((entry) => entry.staged);
    stagedSince = new Map(staged.map(({ kid }) => [kid, stagedSince.get(kid) ?? first]));
  }

  function publish(): void {
    const all = publicKeys.all();
    if (activeKey(held.keys) === undefined || (made?.held === held && made.all === all)) return;
    ring = createKeyRing([...signingFirst(held), ...all.filter(({ kid }) => !own.has(kid))]);
    made = { held, all };
  }

  async function step(): Promise<void> {
    const at = now();
    const isKnown = (kid: string) => replicas.isKnownEverywhere(kid, policy.jwksMaxAge);
    let next = advance(held, policy, at, isKnown);
    if (needsKey(next, policy, at)) {
      next = stage(next, await generatePrivateKey(policy.algorithm), policy, at);
    }
    tellChanges(held, next, log);
    held = next;
    own = renewEntries(own, held, { ...deps, policy });
    publish();
    await publicKeys.sync([...own.values()], isOver);
    noteStaged();
    publish();
    await replicas.announce(stagedSince);
  }

  return {
    ring: () => ring,
    step,
    rotateBy(next) {
      policy = next;
    },
    status: () => ({
      activeSince: activeKey(held.keys)?.since ?? 0,
      nextRotation: nextRotation(held, policy),
    }),
  };
}

/** Owners say from time to time that a key lives on: who is gone does not, and its keys end. */
function renewEntries(
  known: ReadonlyMap<string, PublicKeyEntry>,
  { keys }: Ring,
  { deploymentKey, policy, now }: OwnKeysDeps,
): Map<string, PublicKeyEntry> {
  const longest = policy.publishAhead / 4;
  const entries = keys.map((key): [string, PublicKeyEntry] => {
    const staged = key.state === 'staged';
    const until = publishedUntil(key, policy, now());
    const entry = known.get(key.kid);
    const isFresh = entry?.staged === staged && until - entry.until < longest;
    return [key.kid, isFresh ? entry : createPublicKeyEntry(deploymentKey, key, { staged, until })];
  });
  return new Map(entries);
}

/** @returns when its last token has expired, if it signs on until its owner is gone for good */
function publishedUntil(key: RingKey, policy: RotationPolicy, now: number): number {
  if (key.state === 'retiring') return key.until;
  const tokenLife = Math.max(key.tokenLife, policy.tokenLife);
  return now + afterlife({ ...policy, tokenLife });
}
