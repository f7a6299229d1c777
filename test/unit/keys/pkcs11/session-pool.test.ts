import { describe, expect, it } from '@jest/globals';
import { createSessionPool } from '../../../../src/keys/pkcs11/session-pool.ts';
import { createTestTimers } from '../../issuers/provider.ts';

interface Fake {
  readonly number: number;
  readonly closed: boolean;
  close(): void;
}

function createPool() {
  const sessions: { number: number; closed: boolean; close(): void }[] = [];
  const timers = createTestTimers();
  let failing: Error | undefined;
  const pool = createSessionPool<Fake>({
    timers,
    async open() {
      if (failing) throw failing;
      const session = {
        number: sessions.length,
        closed: false,
        close() {
          session.closed = true;
        },
      };
      sessions.push(session);
      return session;
    },
  });
  return {
    ...{ pool, sessions, timers },
    failToOpen: (error: Error | undefined) => {
      failing = error;
    },
  };
}

/** Work that goes on until the test lets it end. */
function createWork() {
  const begun: { readonly number: number; readonly end: (error?: Error) => void }[] = [];
  return {
    begun,
    work: ({ number }: Fake) =>
      new Promise<number>((resolve, reject) => {
        begun.push({ number, end: (error) => (error ? reject(error) : resolve(number)) });
      }),
  };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));
const number = async ({ number: own }: Fake) => own;

describe('the sessions of a token', () => {
  it('are opened when they are needed, three at most, and used again', async () => {
    const { pool, sessions } = createPool();
    const { work, begun } = createWork();
    const used = Array.from({ length: 5 }, () => pool.use(work));
    await settle();
    expect(begun.map((each) => each.number)).toEqual([0, 1, 2]);
    begun[1]?.end();
    await settle();
    expect(begun.map((each) => each.number)).toEqual([0, 1, 2, 1]);
    begun[0]?.end();
    await settle();
    for (const each of begun) each.end();
    expect(await Promise.all(used)).toEqual([0, 1, 2, 1, 0]);
    expect(sessions).toHaveLength(3);
    expect(await pool.use(number)).toBeLessThan(3);
  });

  it('that fail after they were used are replaced, and the work is done again', async () => {
    const { pool, sessions, timers } = createPool();
    expect(await pool.use(number)).toBe(0);
    const lost = async ({ number: own }: Fake) => {
      if (own === 0) throw new Error('CKR_SESSION_HANDLE_INVALID');
      return own;
    };
    expect(await pool.use(lost)).toBe(1);
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
    expect(await pool.use(number)).toBe(1);
    expect(timers.pending).toEqual([]);
  });

  it('that fail at their first use are not replaced, and leave their place', async () => {
    const { pool, sessions } = createPool();
    const failing = () => Promise.reject(new Error('CKR_MECHANISM_INVALID'));
    for (let count = 0; count < 4; count++) {
      await expect(pool.use(failing)).rejects.toThrow('CKR_MECHANISM_INVALID');
    }
    expect(sessions.map(({ closed }) => closed)).toEqual([true, true, true, true]);
    expect(await pool.use(number)).toBe(4);
  });

  it('that cannot be opened leave their place too', async () => {
    const { pool, failToOpen } = createPool();
    failToOpen(new Error('CKR_DEVICE_REMOVED'));
    for (let count = 0; count < 4; count++) {
      await expect(pool.use(number)).rejects.toThrow('CKR_DEVICE_REMOVED');
    }
    failToOpen(undefined);
    expect(await pool.use(number)).toBe(0);
  });

  it('are closed with the pool', async () => {
    const { pool, sessions } = createPool();
    await pool.use(number);
    pool.close();
    expect(sessions.map(({ closed }) => closed)).toEqual([true]);
  });
});

describe('a token that hangs', () => {
  it('ends the wait after 2 seconds, and gives the session back when it answers', async () => {
    const { pool, sessions, timers } = createPool();
    const { work, begun } = createWork();
    const used = pool.use(work);
    await settle();
    expect(timers.pending.map(({ ms }) => ms)).toEqual([2000]);
    timers.fire();
    await expect(used).rejects.toMatchObject({
      ...{ name: 'SignerUnavailable', message: 'no signature within 2000 ms' },
    });
    expect(await pool.use(number)).toBe(1); // not the one that is still at work
    begun[0]?.end();
    await settle();
    expect(sessions.map(({ closed }) => closed)).toEqual([false, false]);
    expect(await pool.use(number)).toBe(0);
  });

  it('is not asked for those who have given up, and a bounded number waits', async () => {
    const { pool, timers } = createPool();
    const { work, begun } = createWork();
    const outcomes = Array.from({ length: 3 + 256 }, () =>
      pool.use(work).catch((error: Error) => error.message),
    );
    await settle();
    await expect(pool.use(work)).rejects.toThrow('too many signatures at once');
    for (const { run } of timers.pending.splice(0)) run();
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['no signature within 2000 ms']));
    for (const each of begun) each.end();
    await settle();
    expect(begun).toHaveLength(3);
    expect(await pool.use(number)).toBeLessThan(3);
  });
});
