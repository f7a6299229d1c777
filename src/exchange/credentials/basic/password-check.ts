import { createHmac, randomBytes } from 'node:crypto';
import { verify as verifyArgon2 } from '@node-rs/argon2';
import { verify as verifyBcrypt } from '@node-rs/bcrypt';
import { LRUCache } from 'lru-cache';
import { createTurns } from '../../turns.ts';
import { isBcrypt } from './password-hash.ts';

export interface PasswordChecks {
  /**
   * @param hash bcrypt or argon2, as `passwordHashProblem` accepts them
   * @returns whether the password is the one; `overloaded` when too many checks are waiting
   */
  check(hash: string, password: string): Promise<boolean | 'overloaded'>;
}

export interface PasswordCheckOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Checks at a time. The thread pool has four threads, and signing needs some. */
  readonly concurrency?: number;
  /** Checks that may wait for their turn. */
  readonly queue?: number;
  /** Milliseconds for which a success need not be checked again. */
  readonly rememberFor?: number;
}

const maxRemembered = 10_000;

/**
 * Checks passwords, each of which costs 13 ms or more: a few at a time, a short queue, identical
 * ones only once. A success is remembered by its HMAC under a key of this process, never by the
 * password; a failure is not, so that guessing stays expensive for the one who guesses.
 */
export function createPasswordChecks(options: PasswordCheckOptions): PasswordChecks {
  const { now, concurrency = 2, queue = 32, rememberFor = 300_000 } = options;
  const key = randomBytes(32);
  const rememberedUntil = new LRUCache<string, number>({ max: maxRemembered });
  const inFlight = new Map<string, Promise<boolean>>();
  const turns = createTurns({ concurrency, queue });

  async function verifyOnce(id: string, hash: string, password: string): Promise<boolean> {
    try {
      const correct = await turns.take(() => verify(hash, password));
      if (correct) rememberedUntil.set(id, now() + rememberFor);
      return correct;
    } finally {
      inFlight.delete(id);
    }
  }

  return {
    async check(hash, password) {
      const id = fingerprint(key, hash, password);
      if ((rememberedUntil.get(id) ?? 0) > now()) return true;
      const same = inFlight.get(id);
      if (same !== undefined) return same;
      if (turns.isFull()) return 'overloaded';
      const checking = verifyOnce(id, hash, password);
      inFlight.set(id, checking);
      return checking;
    },
  };
}

/** Length-prefixed, or a hash and a password could trade characters. */
function fingerprint(key: Buffer, hash: string, password: string): string {
  return createHmac('sha256', key).update(`${hash.length}:${hash}${password}`).digest('base64');
}

async function verify(hash: string, password: string): Promise<boolean> {
  try {
    if (!isBcrypt(hash)) return await verifyArgon2(hash, password);
    return bcryptSeesAll(password) && (await verifyBcrypt(password, hash));
  } catch {
    return false; // a hash that the library refuses matches nothing
  }
}

/** bcrypt ignores what follows 72 bytes, and some of its implementations what follows a NUL. */
function bcryptSeesAll(password: string): boolean {
  return Buffer.byteLength(password) <= 72 && !password.includes('\0');
}
