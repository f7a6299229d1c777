import { createPublicKey } from 'node:crypto';
import type { PrivateKey } from './private-key.ts';
import type { SigningAlgorithm } from './signer.ts';

/**
 * The life of a key: staged (published, does not sign yet), active (signs), retiring (published,
 * public half only), gone. Nothing here knows a clock, a file or randomness.
 */
export type KeyState = 'staged' | 'active' | 'retiring';

/**
 * A key of the ring: private while it is staged or active, then its public half; an HMAC key has no
 * half to drop. Times are milliseconds since the epoch.
 */
export interface RingKey extends PrivateKey {
  readonly state: KeyState;
  readonly createdAt: number;
  /** When it came into its state. */
  readonly since: number;
  /** When it leaves its state: staged, at the earliest; active, never by itself. */
  readonly until: number;
  /** Milliseconds that its longest token lives. */
  readonly tokenLife: number;
}

export interface Ring {
  /** Counts changes: whoever writes a version first wins. */
  readonly version: number;
  /** Newest first. */
  readonly keys: readonly RingKey[];
  /** Keys that were dropped as compromised: whoever still holds one must forget it. */
  readonly dropped: readonly { readonly kid: string; readonly until: number }[];
}

/** All in milliseconds. */
export interface RotationPolicy {
  readonly algorithm: SigningAlgorithm;
  /** How long a key signs; Infinity when it is changed by hand only. */
  readonly every: number;
  /** How long a key is published before it signs. */
  readonly publishAhead: number;
  /** How long a verifier may keep the JWKS. */
  readonly jwksMaxAge: number;
  /** The longest life of a token. */
  readonly tokenLife: number;
}

/** A verifier's clock may be this far behind. */
const skew = 60_000;

/** @returns a ring whose one key signs at once: nobody can have an older JWKS */
export function firstRing(key: PrivateKey, policy: RotationPolicy, now: number): Ring {
  return { version: 1, keys: [activate(stagedKey(key, policy, now), policy, now)], dropped: [] };
}

/** Publishes a key, which signs once it has been published long enough. */
export function stage(ring: Ring, key: PrivateKey, policy: RotationPolicy, now: number): Ring {
  return next(ring, [stagedKey(key, policy, now), ...ring.keys]);
}

/**
 * Drops the active key at once, and makes another sign in its place. Tokens of the dropped key stop
 * verifying as soon as verifiers fetch the JWKS again; until then they may not know the new one.
 */
export function replaceCompromised(
  ring: Ring,
  key: PrivateKey,
  policy: RotationPolicy,
  now: number,
): Ring {
  const fresh = activate(stagedKey(key, policy, now), policy, now);
  const compromised = ring.keys.filter(({ state }) => state !== 'retiring');
  const rest = ring.keys.filter((each) => !compromised.includes(each));
  const dropped = compromised.map(({ kid, tokenLife }) => ({
    kid,
    until: now + afterlife({ ...policy, tokenLife }),
  }));
  return { ...next(ring, [fresh, ...rest]), dropped: [...ring.dropped, ...dropped] };
}

/**
 * Does what is due.
 *
 * @param isKnown whether every instance has published a key for as long as the JWKS may be cached
 * @returns the same ring when nothing is due
 */
export function advance(
  ring: Ring,
  policy: RotationPolicy,
  now: number,
  isKnown: (kid: string) => boolean = () => true,
): Ring {
  let keys = ring.keys.map((key) => keepTime(key, policy, now));
  const due = keys.find(
    ({ state, until, kid }) => state === 'staged' && until <= now && isKnown(kid),
  );
  if (due !== undefined) {
    // Older staged keys are overtaken: they never sign, so no token needs them.
    const later = keys.slice(0, keys.indexOf(due));
    const before = keys.slice(keys.indexOf(due) + 1);
    keys = [
      ...later,
      activate(due, policy, now),
      ...before.filter(({ state }) => state !== 'staged').map((key) => retire(key, policy, now)),
    ];
  }
  keys = keys.filter(({ state, until }) => state !== 'retiring' || until > now);
  const dropped = ring.dropped.filter(({ until }) => until > now);
  const same = dropped.length === ring.dropped.length && sameKeys(keys, ring.keys);
  return same ? ring : { ...next(ring, keys), dropped };
}

/** @returns whether it is time to make a key and stage it */
export function needsKey({ keys }: Ring, policy: RotationPolicy, now: number): boolean {
  if (keys.some(({ state }) => state === 'staged')) return false;
  const active = activeKey(keys);
  if (active === undefined || active.alg !== policy.algorithm) return true;
  return now >= active.since + policy.every - policy.publishAhead;
}

/** @returns when the key that signs now is replaced, as far as the schedule says */
export function nextRotation({ keys }: Ring, policy: RotationPolicy): number {
  const staged = keys.findLast(({ state }) => state === 'staged');
  if (staged !== undefined) return staged.until;
  const active = activeKey(keys);
  return active === undefined ? Number.POSITIVE_INFINITY : active.since + policy.every;
}

export function activeKey(keys: readonly RingKey[]): RingKey | undefined {
  return keys.find(({ state }) => state === 'active');
}

/** The one that signs comes first, in the JWKS too: some verifiers look no further. */
export function signingFirst({ keys }: Ring): readonly PrivateKey[] {
  const active = activeKey(keys);
  return active === undefined ? [] : [active, ...keys.filter((key) => key !== active)];
}

/** How long a key is published after it signed last: its last token's life, and every delay. */
export function afterlife({ tokenLife, jwksMaxAge, publishAhead }: RotationPolicy): number {
  // An instance that is cut off goes on signing until it counts as gone.
  return tokenLife + skew + jwksMaxAge + publishAhead;
}

function stagedKey(key: PrivateKey, policy: RotationPolicy, now: number): RingKey {
  const { kid, alg } = key;
  const until = now + policy.publishAhead;
  const { tokenLife } = policy;
  return { kid, alg, key: key.key, state: 'staged', createdAt: now, since: now, until, tokenLife };
}

function activate(key: RingKey, policy: RotationPolicy, now: number): RingKey {
  const { tokenLife } = policy;
  return { ...key, state: 'active', since: now, until: Number.MAX_SAFE_INTEGER, tokenLife };
}

export function retire(key: RingKey, policy: RotationPolicy, now: number): RingKey {
  if (key.state !== 'active') return key;
  const tokenLife = Math.max(key.tokenLife, policy.tokenLife);
  const until = now + afterlife({ ...policy, tokenLife });
  return {
    ...key,
    key: key.key.type === 'private' ? createPublicKey(key.key) : key.key,
    state: 'retiring',
    since: now,
    until,
    tokenLife,
  };
}

/** Clocks of several instances differ by less. */
const tolerance = 60_000;

/**
 * A clock that was set back must not hold a key in its state until it has caught up: time in the
 * state counts from now on. And a token that lives longer than those before is remembered.
 */
function keepTime(key: RingKey, policy: RotationPolicy, now: number): RingKey {
  const { state, since, until } = key;
  const tokenLife = state === 'active' ? Math.max(key.tokenLife, policy.tokenLife) : key.tokenLife;
  if (since <= now + tolerance) return tokenLife === key.tokenLife ? key : { ...key, tokenLife };
  const ends = state === 'active' ? until : now + until - since;
  return { ...key, since: now, until: ends, tokenLife };
}

function next(ring: Ring, keys: readonly RingKey[]): Ring {
  return { ...ring, version: ring.version + 1, keys };
}

function sameKeys(a: readonly RingKey[], b: readonly RingKey[]): boolean {
  return a.length === b.length && a.every((key, at) => key === b[at]);
}
