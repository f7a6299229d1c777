import { createPublicKey, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import type { PrivateKey } from '../../../src/keys/private-key.ts';
import { reconcile } from '../../../src/keys/reconcile.ts';
import {
  activeKey,
  advance,
  firstRing,
  needsKey,
  nextRotation,
  type Ring,
  type RotationPolicy,
  replaceCompromised,
  stage,
} from '../../../src/keys/rotation.ts';
import { timetable } from '../../../src/keys/timetable.ts';
import { usualPolicy } from '../../support/rotation.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2027, 0, 1);

const policy: RotationPolicy = usualPolicy;
const pair = await generatePrivateKey('ES256');
const secret = await generatePrivateKey('HS256');
let made = 0;
const newKey = (alg: PrivateKey['alg'] = 'ES256'): PrivateKey => ({
  ...(alg === 'HS256' ? secret : pair),
  ...{ kid: `key-${++made}`, alg },
});

/** What a running service does each second or so. */
function tick(ring: Ring, now: number, rules = policy): Ring {
  const moved = advance(ring, rules, now);
  return needsKey(moved, rules, now) ? stage(moved, newKey(rules.algorithm), rules, now) : moved;
}

const states = ({ keys }: Ring) => keys.map(({ state }) => state).join(' ');
const signing = (ring: Ring) => activeKey(ring.keys)?.kid ?? '';
const published = ({ keys }: Ring) => keys.map(({ kid }) => kid);

describe('a key', () => {
  it('signs at once when it is the first', () => {
    expect(states(firstRing(newKey(), policy, start))).toBe('active');
  });

  it('is published an hour before it signs, and until the last token of its own has expired', () => {
    let ring = firstRing(newKey(), policy, start);
    const first = signing(ring);
    ring = tick(ring, start + 30 * day - hour - second);
    expect(states(ring)).toBe('active');
    ring = tick(ring, start + 30 * day - hour);
    expect(states(ring)).toBe('staged active');
    ring = tick(ring, start + 30 * day - second);
    expect(signing(ring)).toBe(first);
    ring = tick(ring, start + 30 * day);
    expect(states(ring)).toBe('active retiring');
    expect(signing(ring)).not.toBe(first);
    // 30 minutes of life, a minute of skew, 5 minutes of JWKS, an hour for who was cut off.
    const gone = start + 30 * day + 96 * minute;
    ring = tick(ring, gone - second);
    expect(published(ring)).toContain(first);
    ring = tick(ring, gone);
    expect(published(ring)).not.toContain(first);
  });

  it('keeps only its public half when it retires; a secret has none', () => {
    const rotate = (key: PrivateKey) => {
      const rules = { ...policy, algorithm: key.alg };
      const staged = stage(firstRing(key, rules, start), newKey(key.alg), rules, start);
      const moved = advance(staged, rules, start + hour);
      return moved.keys.find(({ kid }) => kid === key.kid)?.key as KeyObject;
    };
    expect(rotate(newKey()).type).toBe('public');
    expect(rotate(newKey()).equals(createPublicKey(pair.key))).toBe(true);
    expect(rotate(newKey('HS256')).type).toBe('secret');
  });

  it('does not sign before every instance is known to publish it', () => {
    const ring = stage(firstRing(newKey(), policy, start), newKey(), policy, start);
    const later = start + 2 * hour;
    expect(states(advance(ring, policy, later, () => false))).toBe('staged active');
    expect(states(advance(ring, policy, later, () => true))).toBe('active retiring');
  });

  it('outlives the longest token that was allowed while it signed', () => {
    const long = { ...policy, tokenLife: 10 * hour };
    let ring = advance(firstRing(newKey(), policy, start), long, start + second);
    const first = signing(ring);
    // The tokens became shorter again, by a restart with another configuration.
    ring = stage(ring, newKey(), policy, start + minute);
    ring = advance(ring, policy, start + minute + hour);
    expect(published(advance(ring, policy, start + 11 * hour))).toContain(first);
    expect(published(advance(ring, policy, start + 14 * hour))).not.toContain(first);
  });

  it('is changed for one of the configured algorithm, with the same patience', () => {
    const rsa = { ...policy, algorithm: 'RS256' as const };
    let ring = tick(firstRing(newKey(), policy, start), start, rsa);
    expect(ring.keys.map(({ alg, state }) => `${alg} ${state}`)).toEqual([
      'RS256 staged',
      'ES256 active',
    ]);
    ring = tick(ring, start + hour, rsa);
    expect(ring.keys.map(({ alg, state }) => `${alg} ${state}`)).toEqual([
      'RS256 active',
      'ES256 retiring',
    ]);
  });

  it('is never changed by itself when that is how it is configured', () => {
    const never = { ...policy, every: Number.POSITIVE_INFINITY };
    const ring = firstRing(newKey(), never, start);
    expect(tick(ring, start + 4000 * day, never)).toBe(ring);
    expect(nextRotation(ring, never)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a compromised key', () => {
  it('is gone at once, with what was to follow it, and another signs', () => {
    let ring = firstRing(newKey(), policy, start);
    const first = signing(ring);
    ring = stage(ring, newKey(), policy, start);
    const replaced = replaceCompromised(ring, newKey(), policy, start + minute);
    expect(states(replaced)).toBe('active');
    expect(published(replaced)).not.toContain(first);
    expect(replaced.dropped.map(({ kid }) => kid)).toContain(first);
  });

  it('does not come back from an instance or a store that still has it', () => {
    const held = firstRing(newKey(), policy, start);
    const replaced = replaceCompromised(held, newKey(), policy, start + minute);
    for (const [mine, theirs] of [
      [held, replaced],
      [replaced, held],
    ] as const) {
      const ring = reconcile(mine, theirs, policy, start + minute);
      expect(published(ring)).toEqual(published(replaced));
    }
  });
});

describe('a year', () => {
  /** Verifiers, each with its own habit, who cache the JWKS as long as it allows. */
  const verifiers = (step: number) =>
    [0, 7, 61].map((late) => ({
      fetchedAt: -1,
      kids: new Set<string>(),
      late: late * second + step,
    }));

  it.each<[string, RotationPolicy, number]>([
    ['of 30 days each', policy, 10 * minute],
    ['of a day each', { ...policy, every: day }, 5 * minute],
    ['of tokens that live long', { ...policy, every: 2 * day, tokenLife: day }, 10 * minute],
  ])('%s leaves no token that a verifier does not know', (_what, rules, step) => {
    let ring = firstRing(newKey(), rules, start);
    const all = verifiers(0);
    const tokens: { kid: string; exp: number }[] = [];
    const unknown: string[] = [];
    let changes = 0;
    for (let now = start; now < start + 365 * day; now += step) {
      const before = signing(ring);
      ring = tick(ring, now, rules);
      if (signing(ring) !== before) changes++;
      tokens.push({ kid: signing(ring), exp: now + rules.tokenLife });
      while ((tokens[0]?.exp ?? 0) < now) tokens.shift();
      for (const verifier of all) {
        if (now - verifier.fetchedAt < rules.jwksMaxAge - verifier.late) continue;
        // One that fetched just before this moment must know what is signed now, too.
        for (const { kid } of [tokens[0], tokens.at(-1)].flatMap((token) => token ?? [])) {
          if (verifier.fetchedAt >= 0 && !verifier.kids.has(kid)) unknown.push(kid);
        }
        verifier.fetchedAt = now;
        verifier.kids = new Set(published(ring));
        unknown.push(...tokens.map(({ kid }) => kid).filter((kid) => !verifier.kids.has(kid)));
      }
    }
    expect(unknown).toEqual([]);
    expect(changes).toBe(Math.ceil((365 * day) / rules.every) - 1);
    expect(ring.keys.length).toBeLessThanOrEqual(3);
  });
});

describe('a clock', () => {
  const jump = fc.oneof(
    fc.constant(0),
    fc.integer({ min: -400, max: 400 }).map((days) => days * day),
    fc.integer({ min: -7200, max: 7200 }).map((seconds) => seconds * second),
  );
  const steps = fc.array(fc.record({ passes: fc.nat({ max: 3 * day }), jump }), { maxLength: 60 });

  it('may jump: one key signs, an older one never again, and rotation goes on', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        let now = start;
        let ring = firstRing(newKey(), policy, now);
        const signed = [signing(ring)];
        for (const { passes, jump: by } of walk) {
          now += passes + by;
          ring = tick(ring, now);
          expect(ring.keys.filter(({ state }) => state === 'active')).toHaveLength(1);
          const kid = signing(ring);
          if (kid !== signed.at(-1)) {
            expect(signed).not.toContain(kid);
            signed.push(kid);
          }
        }
        // However it jumped, keys are changed again within one period and what it takes to publish.
        const last = signing(ring);
        for (let waited = 0; waited <= policy.every + 2 * hour; waited += 30 * minute) {
          now += 30 * minute;
          ring = tick(ring, now);
        }
        expect(signing(ring)).not.toBe(last);
        expect(ring.keys.length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 100 },
    );
  });

  it('that is set back does not shorten the time that a key is published', () => {
    const ring = stage(firstRing(newKey(), policy, start), newKey(), policy, start);
    const back = start - 100 * day;
    const moved = advance(ring, policy, back);
    expect(states(advance(moved, policy, back + hour - second))).toBe('staged active');
    expect(states(advance(moved, policy, back + hour))).toBe('active retiring');
  });

  it('that is a little behind another’s changes nothing', () => {
    const ring = stage(firstRing(newKey(), policy, start), newKey(), policy, start);
    expect(advance(ring, policy, start - 30 * second)).toBe(ring);
  });
});

describe('a ring and the stored one', () => {
  const grow = (ring: Ring, now: number) =>
    advance(stage(ring, newKey(), policy, now), policy, now + hour);

  it('are one when nothing was lost', () => {
    const held = firstRing(newKey(), policy, start);
    const stored = grow(held, start);
    expect(reconcile(held, stored, policy, start + hour)).toBe(stored);
    expect(reconcile(held, held, policy, start)).toBe(held);
  });

  it('give the store back what it lost: everything, or the last changes', () => {
    const old = firstRing(newKey(), policy, start);
    const held = grow(old, start);
    const wiped = reconcile(held, undefined, policy, start + hour);
    expect(published(wiped)).toEqual(published(held));
    expect(wiped.version).toBeGreaterThan(held.version);
    const restored = reconcile(held, old, policy, start + hour);
    expect([signing(restored), restored.version > held.version]).toEqual([signing(held), true]);
  });

  it('keep publishing a key that signed and that the store forgot', () => {
    const base = firstRing(newKey(), policy, start);
    const held = grow(base, start);
    const stored = grow(grow(base, start), start + 2 * hour);
    const ring = reconcile(held, stored, policy, start + 3 * hour);
    expect(signing(ring)).toBe(signing(stored));
    expect(published(ring)).toContain(signing(held));
    expect(ring.keys.filter(({ state }) => state === 'active')).toHaveLength(1);
    expect(ring.version).toBeGreaterThan(stored.version);
  });

  it('forget a staged key that the store does not have: it signed nothing', () => {
    const base = firstRing(newKey(), policy, start);
    const held = stage(base, newKey(), policy, start);
    const stored = { ...grow(base, start), version: held.version + 5 };
    expect(reconcile(held, stored, policy, start + hour)).toBe(stored);
  });
});

describe('the timetable', () => {
  it('says when what happens to which key', () => {
    const ring = firstRing(newKey(), policy, start);
    const rows = timetable(ring, policy, start + day).map(({ at, what, kid }) => [
      at - start,
      what,
      kid === undefined ? 'new' : 'old',
    ]);
    expect(rows).toEqual([
      [30 * day - hour, 'a new key is published', 'new'],
      [30 * day, 'it signs', 'new'],
      [30 * day, 'it is published without its private half', 'old'],
      [30 * day + 96 * minute, 'it is gone', 'old'],
    ]);
  });

  it('is what then happens', () => {
    let ring = firstRing(newKey(), policy, start);
    const plan = timetable(ring, policy, start);
    const at = (what: string) => plan.find((each) => each.what === what)?.at ?? 0;
    ring = tick(ring, at('a new key is published'));
    expect(states(ring)).toBe('staged active');
    ring = tick(ring, at('it signs'));
    expect(states(ring)).toBe('active retiring');
    ring = tick(ring, at('it is gone'));
    expect(states(ring)).toBe('active');
  });

  it('knows of nothing when keys are changed by hand', () => {
    const never = { ...policy, every: Number.POSITIVE_INFINITY };
    expect(timetable(firstRing(newKey(), never, start), never, start)).toEqual([]);
  });
});
