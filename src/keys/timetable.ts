import { activeKey, afterlife, type Ring, type RotationPolicy } from './rotation.ts';

/** Something that will happen to a key, if nobody changes anything. */
export interface KeyAppointment {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly what:
    | 'a new key is published'
    | 'it signs'
    | 'it is published without its private half'
    | 'it is gone';
  /** The key; undefined for one that is not made yet. */
  readonly kid: string | undefined;
}

/** @returns what will happen to the keys of a ring, and in the next rotation, in order of time */
export function timetable(ring: Ring, policy: RotationPolicy, now: number): KeyAppointment[] {
  const active = activeKey(ring.keys);
  const [staged] = ring.keys.filter(({ state }) => state === 'staged');
  const publishedAt = (active?.since ?? now) + policy.every - policy.publishAhead;
  const made = Math.max(now, publishedAt);
  const signsAt = Math.max(now, staged?.until ?? made + policy.publishAhead);
  const goneAt = signsAt + afterlife({ ...policy, tokenLife: active?.tokenLife ?? 0 });
  const retiring = ring.keys.filter(({ state }) => state === 'retiring');
  const appointments: KeyAppointment[] = [
    ...retiring.map(({ until, kid }) => ({ at: until, what: 'it is gone', kid }) as const),
    ...(staged === undefined
      ? [{ at: made, what: 'a new key is published', kid: undefined } as const]
      : []),
    { at: signsAt, what: 'it signs', kid: staged?.kid },
    ...(active === undefined
      ? []
      : ([
          { at: signsAt, what: 'it is published without its private half', kid: active.kid },
          { at: goneAt, what: 'it is gone', kid: active.kid },
        ] as const)),
  ];
  return appointments.filter(({ at }) => Number.isFinite(at)).sort((a, b) => a.at - b.at);
}
