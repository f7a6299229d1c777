import { describe, expect, it } from '@jest/globals';
import { createLastingStores } from '../../../src/assemble/lasting-stores.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { KeyError } from '../../../src/keys/key-error.ts';
import { createKeyRing } from '../../../src/keys/key-ring.ts';
import { fixedKeys, type KeySettings } from '../../../src/keys/open-keys.ts';
import { createMemoryRevocations } from '../../../src/state/memory-revocations.ts';

const policy = {
  algorithm: 'ES256',
  every: 100,
  publishAhead: 10,
  jwksMaxAge: 5,
  tokenLife: 60,
} as const;
const directory: KeySettings = { algorithm: 'ES256', directory: '/keys', policy };
const rules = { tokensCarrySubject: true, clockSkew: 0 };
const key = await generatePrivateKey('ES256');

function createWorld() {
  const events: string[] = [];
  let onDropped = () => {};
  let failure: Error | undefined;
  const stores = createLastingStores({
    async openKeys(_settings, told) {
      if (failure) throw failure;
      events.push('keys opened');
      onDropped = told;
      return {
        ...fixedKeys(createKeyRing([key])),
        start: () => events.push('keys started'),
        rotateBy: ({ tokenLife }) => events.push(`rotated by ${tokenLife}`),
        close: async () => {
          events.push('keys closed');
        },
      };
    },
    async openRevocations(_settings, given) {
      events.push('revocations opened');
      const revocations = createMemoryRevocations(given);
      return {
        ...revocations,
        close: async () => {
          events.push('revocations closed');
        },
      };
    },
  });
  return {
    stores,
    events,
    drop: () => onDropped(),
    failWith: (error: Error | undefined) => {
      failure = error;
    },
  };
}

describe('keys in a directory', () => {
  it('stay open from one configuration to the next, which rotates them by its own policy', async () => {
    const { stores, events } = createWorld();
    const first = await stores.openKeys(directory, () => {});
    first.start();
    const longer = { ...directory, policy: { ...policy, tokenLife: 90 } };
    const second = await stores.openKeys(longer, () => {});
    expect(second.ring).toBe(first.ring);
    second.start();
    await first.close();
    expect(events).toEqual(['keys opened', 'rotated by 60', 'keys started', 'rotated by 90']);
    await second.close();
    expect(events.at(-1)).toBe('keys closed');
  });

  it('tell every service that has them when one was dropped', async () => {
    const { stores, drop } = createWorld();
    const told: string[] = [];
    const first = await stores.openKeys(directory, () => told.push('first'));
    await stores.openKeys(directory, () => told.push('second'));
    drop();
    await first.close();
    drop();
    expect(told).toEqual(['first', 'second', 'second']);
  });

  it('are opened anew after they could not be', async () => {
    const { stores, events, failWith } = createWorld();
    failWith(new KeyError('no'));
    await expect(stores.openKeys(directory, () => {})).rejects.toThrow('no');
    failWith(undefined);
    await stores.openKeys(directory, () => {});
    expect(events).toEqual(['keys opened']);
  });
});

it('a key of the operator’s own is read each time', async () => {
  const { stores, events } = createWorld();
  const own: KeySettings = { algorithm: 'ES256', privateKeyFile: '/key.pem' };
  await stores.openKeys(own, () => {});
  await stores.openKeys(own, () => {});
  expect(events).toEqual(['keys opened', 'keys opened']);
});

describe('revocations', () => {
  const settings = { directory: '/nowhere/state', needed: true, shared: undefined };
  const entry = { kind: 'token', jti: 'j', until: 100 } as const;

  it('stay open, and what one service revokes holds for the next', async () => {
    const { stores, events } = createWorld();
    const first = await stores.openRevocations(settings, rules);
    await first.revoke(entry);
    const told: string[] = [];
    const second = await stores.openRevocations(settings, rules);
    first.onChange(() => told.push('first'));
    second.onChange(() => told.push('second'));
    await first.close();
    const token = {
      jti: 'j',
      subject: undefined,
      clientId: undefined,
      kid: undefined,
      iat: undefined,
    };
    expect(second.isRevoked(token)).toBe(true);
    await second.revoke({ ...entry, jti: 'k' });
    expect(told).toEqual(['second']);
    await second.close();
    expect(events).toEqual(['revocations opened', 'revocations closed']);
  });

  it('come to a disk when the first client may revoke', async () => {
    const { stores, events } = createWorld();
    const first = await stores.openRevocations({ ...settings, needed: false }, rules);
    await stores.openRevocations(settings, rules);
    await first.close();
    expect(events).toEqual(['revocations opened', 'revocations opened', 'revocations closed']);
  });
});
