import { activeKey, type Ring, type RingKey, type RotationPolicy, retire } from './rotation.ts';

/** An instance whose clock is behind may not yet have forgotten what another one has. */
const tolerance = 60_000;

/**
 * Brings the ring that this instance holds together with the one that is stored. Usually one is the
 * successor of the other. A store that was wiped, restored or failed over may have forgotten keys
 * whose tokens are out there: they are published again.
 *
 * @returns `stored` itself when it is complete; else a ring to store
 */
export function reconcile(
  held: Ring,
  stored: Ring | undefined,
  policy: RotationPolicy,
  now: number,
): Ring {
  if (stored === undefined) return { ...held, version: held.version + 1 };
  const [newer, older] = stored.version < held.version ? [held, stored] : [stored, held];
  const dropped = new Set([...newer.dropped, ...older.dropped].map(({ kid }) => kid));
  const known = new Set(newer.keys.map(({ kid }) => kid));
  const lost = older.keys.filter(
    ({ kid, state, until }) =>
      !known.has(kid) && !dropped.has(kid) && state !== 'staged' && until > now + tolerance,
  );
  if (newer === stored && lost.length === 0) return stored;
  const version = Math.max(held.version, stored.version) + 1;
  const keys = [...newer.keys, ...lost.map((key) => retireUnlessOnly(key, newer, policy, now))];
  return { version, keys: keys.filter(({ kid }) => !dropped.has(kid)), dropped: newer.dropped };
}

function retireUnlessOnly(key: RingKey, ring: Ring, policy: RotationPolicy, now: number): RingKey {
  return activeKey(ring.keys) === undefined ? key : retire(key, policy, now);
}
