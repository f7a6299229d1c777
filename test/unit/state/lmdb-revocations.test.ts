import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { open } from 'lmdb';
import { openLmdbRevocations } from '../../../src/state/lmdb-revocations.ts';
import type { IssuedToken, Revocation, Revocations } from '../../../src/state/revocations.ts';
import { StateError } from '../../../src/state/state-error.ts';

let home: string;
let directory: string;
let time: number;
let warned: string[];
const opened: Revocations[] = [];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'countersign-'));
  directory = join(home, 'data', 'state');
  time = 1_800_000_000;
  warned = [];
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  rmSync(home, { recursive: true });
});

async function openState(): Promise<Revocations> {
  const revocations = await openLmdbRevocations(
    directory,
    { tokensCarrySubject: true, clockSkew: 0 },
    { now: () => time * 1000, log: { warn: (_fields, message) => warned.push(message) } },
  );
  opened.push(revocations);
  return revocations;
}
async function reopen(): Promise<Revocations> {
  await opened.pop()?.close();
  return openState();
}

const token = (jti: string): IssuedToken => ({
  jti,
  subject: 'alice',
  clientId: 'shop',
  kid: 'k1',
  iat: 100,
});
const revoked = (jti: string, until = time + 100): Revocation => ({ kind: 'token', jti, until });

describe('the embedded revocations', () => {
  it('say how many there are, of each sort', async () => {
    const state = await openState();
    await state.revoke(revoked('one'));
    await state.revoke({ kind: 'client', clientId: 'shop', upTo: 50, until: time + 100 });
    const rule = { kind: 'subject', issuer: 'i', upTo: 50, until: time + 100 } as const;
    await state.revoke({ ...rule, subject: 'alice' });
    await state.revoke({ ...rule, subject: 'bob' });
    const status = { store: 'lmdb', tokens: 1, rules: 3, problem: undefined, age: undefined };
    expect(state.status()).toEqual(status);
    expect((await reopen()).status()).toEqual(status);
  });

  it('are made for the owner only', async () => {
    await openState();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of ['revocations.mdb', 'revocations.mdb-lock']) {
      expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
    }
  });

  it('are known at once, and after a restart', async () => {
    let state = await openState();
    expect(state.isRevoked(token('one'))).toBe(false);
    await state.revoke(revoked('one'));
    await state.revoke({ kind: 'client', clientId: 'mill', upTo: 100, until: time + 100 });
    for (let run = 0; run < 2; run++) {
      expect(state.isRevoked(token('one'))).toBe(true);
      expect(state.isRevoked(token('two'))).toBe(false);
      expect(state.isRevoked({ ...token('two'), clientId: 'mill' })).toBe(true);
      state = await reopen();
    }
  });

  it('take names of any length and spelling', async () => {
    const subject = 'ü\u0000"'.repeat(5000);
    const state = await openState();
    const rule = { kind: 'subject', issuer: 'https://idp', subject, upTo: 100 } as const;
    await state.revoke({ ...rule, until: time + 100 });
    const again = await reopen();
    expect(again.isRevoked({ ...token('one'), subject })).toBe(true);
  });

  it('tell listeners of what is new, and of nothing twice', async () => {
    const state = await openState();
    const heard: Revocation[] = [];
    state.onChange((entry) => heard.push(entry));
    await state.revoke(revoked('one'));
    await state.revoke(revoked('one'));
    expect(heard).toEqual([revoked('one')]);
  });

  it('are made durable together when they come together', async () => {
    const state = await openState();
    await Promise.all(Array.from({ length: 1000 }, (_, n) => state.revoke(revoked(`t${n}`))));
    const again = await reopen();
    const known = Array.from({ length: 1000 }, (_, n) => again.isRevoked(token(`t${n}`)));
    expect(known.every(Boolean)).toBe(true);
  });

  it('are forgotten after their time, on the disk too', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      const state = await openState();
      // More than one batch.
      const old = Array.from({ length: 1200 }, (_, n) => revoked(`old${n}`, time + 10));
      await Promise.all([...old, revoked('young')].map((entry) => state.revoke(entry)));
      time += 11;
      jest.advanceTimersByTime(60_000);
      for (let turn = 0; turn < 1e5 && state.isRevoked(token('old1199')); turn++) {
        await new Promise(setImmediate);
      }
      expect(state.isRevoked(token('old1199'))).toBe(false);
    } finally {
      jest.useRealTimers();
    }
    await opened.pop()?.close();
    const database = open(join(directory, 'revocations.mdb'), { encoding: 'json', readOnly: true });
    expect([...database.getRange()].map(({ value }) => value)).toEqual([
      { ...revoked('young', time + 89) },
    ]);
    await database.close();
    expect((await openState()).isRevoked(token('young'))).toBe(true);
  });

  it.each<[string, unknown]>([
    ['an unknown kind', { kind: 'audience', upTo: 1, until: 2 }],
    ['the name of a property', { kind: 'constructor', upTo: 1, until: 2 }],
    ['a rule without a time', { kind: 'all', until: 2 }],
    ['a token without a name', { kind: 'token', until: 2 }],
    ['no end', { kind: 'all', upTo: 1 }],
    ['no entry', 7],
    ['nothing', null],
  ])('are not opened when they hold %s', async (_, entry) => {
    await openState();
    await opened.pop()?.close();
    const database = open(join(directory, 'revocations.mdb'), { encoding: 'json' });
    await database.put([1, 'x'], entry);
    await database.close();
    await expect(openState()).rejects.toThrow(StateError);
  });

  it('are not kept where others can use them', async () => {
    await openState();
    await opened.pop()?.close();
    chmodSync(directory, 0o755);
    await expect(openState()).rejects.toThrow(/others can use this directory/);
  });

  it('are not kept in something else', async () => {
    writeFileSync(join(home, 'data'), '');
    await expect(openState()).rejects.toThrow(StateError);
    rmSync(join(home, 'data'));
    await openState();
    await opened.pop()?.close();
    for (const other of ['x'.repeat(100_000), 'xyz', '\u0000'.repeat(8192)]) {
      writeFileSync(join(directory, 'revocations.mdb'), other);
      await expect(openState()).rejects.toThrow(/not a file of this service/);
    }
  });
});
