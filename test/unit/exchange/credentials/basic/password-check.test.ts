import { describe, expect, it } from '@jest/globals';
import { hashSync as argon2Sync } from '@node-rs/argon2';
import { hashSync as bcryptSync } from '@node-rs/bcrypt';
import {
  createPasswordChecks,
  type PasswordChecks,
} from '../../../../../src/exchange/credentials/basic/password-check.ts';

const cheap = { memoryCost: 64, timeCost: 1 };
const argon2 = argon2Sync('correct horse', cheap);
const bcrypt = bcryptSync('correct horse', { cost: 4 });

const busyHash = bcryptSync('x', { cost: 8 });
let others = 0;

/** Asks while the only place is taken: what is not remembered is turned away. */
async function checkWhileBusy(checks: PasswordChecks, hash: string, password: string) {
  const busy = checks.check(busyHash, `other ${others++}`);
  const answer = await checks.check(hash, password);
  expect(await busy).toBe(false);
  return answer;
}

describe('createPasswordChecks', () => {
  const checks = createPasswordChecks({ now: () => 0 });

  it.each([
    ['argon2id', argon2],
    ['argon2i', argon2Sync('correct horse', { ...cheap, algorithm: 1 })],
    ['argon2d', argon2Sync('correct horse', { ...cheap, algorithm: 0 })],
    ['bcrypt $2b$', bcrypt],
    ['bcrypt $2y$', bcrypt.replace('$2b$', '$2y$')],
    ['bcrypt $2a$', bcrypt.replace('$2b$', '$2a$')],
  ])('tells the right password from others: %s', async (_kind, hash) => {
    expect(await checks.check(hash, 'correct horse')).toBe(true);
    expect(await checks.check(hash, 'correct horsf')).toBe(false);
    expect(await checks.check(hash, '')).toBe(false);
  });

  it('refuses what bcrypt would cut off: more than 72 bytes', async () => {
    const long = bcryptSync('a'.repeat(72), { cost: 4 });
    expect(await checks.check(long, 'a'.repeat(72))).toBe(true);
    expect(await checks.check(long, 'a'.repeat(73))).toBe(false);
    const umlauts = bcryptSync('ü'.repeat(36), { cost: 4 });
    expect(await checks.check(umlauts, 'ü'.repeat(36))).toBe(true);
    expect(await checks.check(umlauts, 'ü'.repeat(37))).toBe(false);
  });

  it('refuses NUL with bcrypt, even where the whole password is the stored one', async () => {
    expect(await checks.check(bcryptSync('a\0b', { cost: 4 }), 'a\0b')).toBe(false);
  });

  it('says no to a hash that is none', async () => {
    expect(await checks.check('', 'x')).toBe(false);
    expect(await checks.check('$argon2id$nonsense', 'x')).toBe(false);
    expect(await checks.check('$2b$nonsense', 'x')).toBe(false);
  });

  it('remembers a success for its time only, and only for that hash and password', async () => {
    let now = 1_000;
    const single = createPasswordChecks({
      now: () => now,
      concurrency: 1,
      queue: 0,
      rememberFor: 60_000,
    });
    expect(await single.check(bcrypt, 'correct horse')).toBe(true);
    now += 59_999;
    expect(await checkWhileBusy(single, bcrypt, 'correct horse')).toBe(true);
    expect(await checkWhileBusy(single, bcrypt, 'correct hors')).toBe('overloaded');
    expect(await checkWhileBusy(single, `${bcrypt}c`, 'orrect horse')).toBe('overloaded');
    now += 1;
    expect(await checkWhileBusy(single, bcrypt, 'correct horse')).toBe('overloaded');
    expect(await single.check(bcrypt, 'correct horse')).toBe(true);
  });

  it('does not remember a failure', async () => {
    const single = createPasswordChecks({ now: () => 0, concurrency: 1, queue: 0 });
    expect(await single.check(bcrypt, 'wrong')).toBe(false);
    expect(await checkWhileBusy(single, bcrypt, 'wrong')).toBe('overloaded');
  });

  it('lets a few run, a few wait, and turns the rest away at once', async () => {
    const small = createPasswordChecks({ now: () => 0, concurrency: 1, queue: 2 });
    const passwords = ['a', 'b', 'correct horse', 'd', 'e'];
    const answers = await Promise.all(passwords.map((password) => small.check(bcrypt, password)));
    expect(answers).toEqual([false, false, true, 'overloaded', 'overloaded']);
    expect(await small.check(bcrypt, 'd')).toBe(false);
  });

  it('shares identical checks in flight instead of queueing them', async () => {
    const small = createPasswordChecks({ now: () => 0, concurrency: 1, queue: 0 });
    const first = small.check(bcrypt, 'correct horse');
    // The first one runs by now, so with a queue of none every other check is turned away.
    const same = await Promise.all([1, 2, 3].map(() => small.check(bcrypt, 'correct horse')));
    expect([await first, ...same]).toEqual([true, true, true, true]);
  });
});
