import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { openKeyKeeper } from '../../../src/keys/keeper.ts';
import { KeyError } from '../../../src/keys/key-error.ts';
import type { KeyEvent } from '../../../src/keys/key-events.ts';
import type { RingStore } from '../../../src/keys/ring-store.ts';
import { type Ring, replaceCompromised, stage } from '../../../src/keys/rotation.ts';
import { createSteadyClock } from '../../../src/keys/steady-clock.ts';
import { usualPolicy as policy } from '../../support/rotation.ts';

const hour = 3_600_000;
const day = 24 * hour;

/** A store that can fail, shared by several keepers. */
function createMemory() {
  const memory = {
    ring: undefined as Ring | undefined,
    failing: '',
    written: 0,
    known: true,
    store: (): RingStore => ({
      async read() {
        if (memory.failing) throw new KeyError(memory.failing);
        return memory.ring;
      },
      async write(ring) {
        if (memory.failing) throw new KeyError(memory.failing);
        if (memory.ring !== undefined && ring.version !== memory.ring.version + 1) return false;
        memory.ring = ring;
        memory.written++;
        return true;
      },
      async announce() {},
      isKnownEverywhere: () => memory.known,
      async close() {},
    }),
  };
  return memory;
}

async function open(memory = createMemory()) {
  const clock = { now: 1_800_000_000_000 };
  const events: string[] = [];
  let drops = 0;
  const keeper = await openKeyKeeper({
    store: memory.store(),
    policy,
    now: () => clock.now,
    log: ({ event }: KeyEvent) => events.push(event),
    onDropped: () => drops++,
  });
  return { keeper, memory, clock, events, dropped: () => drops };
}

describe('the keeper of the keys', () => {
  it('makes the first key, and changes it when its time has come', async () => {
    const { keeper, clock, events } = await open();
    const { kid } = keeper.ring.signer;
    const { publicKeys } = keeper.ring;
    await keeper.tick();
    expect(keeper.ring.publicKeys).toBe(publicKeys);
    clock.now += 30 * day - hour;
    await keeper.tick();
    expect(keeper.ring.signer.kid).toBe(kid);
    expect(keeper.ring.publicKeys[0]).toMatchObject({ kid });
    expect(keeper.ring.publicKeys).toHaveLength(2);
    expect(keeper.status().nextRotation).toBe(clock.now + hour);
    clock.now += hour;
    await keeper.tick();
    expect(keeper.ring.signer.kid).not.toBe(kid);
    expect(keeper.ring.verificationKey(kid)?.alg).toBe('ES256');
    expect(keeper.status()).toMatchObject({ activeSince: clock.now, problem: undefined });
    clock.now += 96 * 60_000;
    await keeper.tick();
    expect(keeper.ring.verificationKey(kid)).toBeUndefined();
    expect(events).toEqual(['key_active', 'key_staged', 'key_active', 'key_gone']);
  });

  it('goes by another policy when it is given one: another algorithm is published ahead', async () => {
    const { keeper, clock } = await open();
    const { kid } = keeper.ring.signer;
    keeper.rotateBy({ ...policy, algorithm: 'ES384', tokenLife: 2 * policy.tokenLife });
    await keeper.tick();
    expect(keeper.ring.signer.kid).toBe(kid);
    expect(keeper.ring.publicKeys.map(({ alg }) => alg)).toEqual(['ES256', 'ES384']);
    clock.now += hour;
    await keeper.tick();
    expect(keeper.ring.signer.alg).toBe('ES384');
    // The first key stays for the longer life of the tokens that it may have signed.
    clock.now += 96 * 60_000;
    await keeper.tick();
    expect(keeper.ring.verificationKey(kid)).toBeDefined();
  });

  it('takes over what another instance did, and makes no second key', async () => {
    const memory = createMemory();
    const [one, other] = [await open(memory), await open(memory)];
    expect(other.keeper.ring.signer.kid).toBe(one.keeper.ring.signer.kid);
    for (const step of [30 * day - hour, hour]) {
      one.clock.now += step;
      other.clock.now += step;
      await Promise.all([one.keeper.tick(), other.keeper.tick()]);
      await other.keeper.tick();
      await one.keeper.tick();
    }
    expect(memory.ring?.keys).toHaveLength(2);
    expect(other.keeper.ring.signer.kid).toBe(one.keeper.ring.signer.kid);
  });

  it('does not let a key sign that some instance does not publish yet', async () => {
    const { keeper, memory, clock } = await open();
    const { kid } = keeper.ring.signer;
    memory.known = false;
    for (const step of [30 * day, 2 * hour]) {
      clock.now += step;
      await keeper.tick();
    }
    expect(keeper.ring.signer.kid).toBe(kid);
    memory.known = true;
    await keeper.tick();
    expect(keeper.ring.signer.kid).not.toBe(kid);
  });

  it('goes on with the keys that it has while the store fails, and says so once', async () => {
    const { keeper, memory, clock, events } = await open();
    const { kid } = keeper.ring.signer;
    memory.failing = 'disk full';
    clock.now += 31 * day;
    await keeper.tick();
    await keeper.tick();
    expect(keeper.ring.signer.kid).toBe(kid);
    expect(keeper.ring.publicKeys).toHaveLength(1);
    expect(keeper.status().problem).toBe('disk full');
    memory.failing = '';
    await keeper.tick();
    expect(keeper.ring.publicKeys).toHaveLength(2);
    expect(keeper.status().problem).toBeUndefined();
    expect(events).toEqual([
      ...['key_active', 'key_store_failed', 'key_staged', 'key_store_recovered'],
    ]);
  });

  it('gives a store that lost everything its keys back', async () => {
    const { keeper, memory } = await open();
    const { kid } = keeper.ring.signer;
    memory.ring = undefined;
    await keeper.tick();
    expect(memory.ring?.['keys' as never]).toMatchObject([{ kid, state: 'active' }]);
    expect(keeper.ring.signer.kid).toBe(kid);
  });

  it('drops a compromised key at once, with the tokens that are kept of it', async () => {
    const { keeper, memory, clock, events, dropped } = await open();
    const { kid } = keeper.ring.signer;
    const key = await generatePrivateKey('ES256');
    memory.ring = replaceCompromised(memory.ring as Ring, key, policy, clock.now);
    await keeper.tick();
    expect([keeper.ring.signer.kid, dropped()]).toEqual([key.kid, 1]);
    expect(keeper.ring.verificationKey(kid)).toBeUndefined();
    expect(events).toEqual(['key_active', 'key_active', 'key_dropped']);
    await keeper.tick();
    expect(dropped()).toBe(1);
  });

  it('takes a key that was staged by hand', async () => {
    const { keeper, memory, clock } = await open();
    const key = await generatePrivateKey('ES256');
    memory.ring = stage(memory.ring as Ring, key, policy, clock.now);
    await keeper.tick();
    clock.now += hour;
    await keeper.tick();
    expect(keeper.ring.signer.kid).toBe(key.kid);
  });

  it('is not opened on a store that fails', async () => {
    const memory = createMemory();
    memory.failing = 'wrong permissions';
    await expect(open(memory)).rejects.toThrow('wrong permissions');
  });
});

describe('the steady clock', () => {
  it('closes the store once nothing reads it, and reads it no more', async () => {
    const store = createMemory().store();
    const seen: string[] = [];
    const slow: RingStore = {
      ...store,
      async read() {
        const ring = await store.read();
        if (ring === undefined) return ring;
        seen.push('reading');
        await delay(100);
        seen.push('read');
        return ring;
      },
      async close() {
        seen.push('closed');
      },
    };
    const often = { ...policy, publishAhead: 400 };
    const deps = { now: () => 1_800_000_000_000, log: () => {}, onDropped: () => {} };
    const keeper = await openKeyKeeper({ store: slow, policy: often, ...deps });
    keeper.start();
    while (seen.length === 0) await delay(5);
    await keeper.close();
    await delay(200);
    expect(seen).toEqual(['reading', 'read', 'closed']);
  });

  it('follows the wall clock, but for its jumps', () => {
    const clocks = { wall: 1_000_000, monotonic: 5 };
    const now = createSteadyClock({
      wall: () => clocks.wall,
      monotonic: () => clocks.monotonic,
    });
    const pass = (wall: number, monotonic: number) => {
      clocks.wall += wall;
      clocks.monotonic += monotonic;
      return now();
    };
    expect(now()).toBe(1_000_000);
    expect(pass(1000, 1000)).toBe(1_001_000);
    // Slewed: followed.
    expect(pass(1000, 900)).toBe(1_002_000);
    // Set forward by a day: not believed, also later.
    expect(pass(86_400_000, 1000)).toBe(1_003_000);
    expect(pass(1000, 1000)).toBe(1_004_000);
    // Set back to where it was: believed again.
    expect(pass(-86_399_000, 0)).toBe(1_004_000);
    expect(pass(-86_400_000, 1000)).toBe(1_005_000);
  });
});
