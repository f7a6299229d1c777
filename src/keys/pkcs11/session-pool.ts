import { SignerOverloaded, SignerUnavailable } from '../../exchange/signer-unavailable.ts';
import { createTurns } from '../../exchange/turns.ts';
import type { Timers } from '../../issuers/timers.ts';

export interface SessionPool<Session> {
  /**
   * Works with a session that nobody else uses meanwhile. A session that fails is closed, and if it
   * was not a new one, the work is done again with one that is.
   *
   * @throws SignerUnavailable after 2 seconds, or when too many wait; else what the work throws
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): void;
}

export interface SessionPoolDeps<Session> {
  readonly open: () => Promise<Session>;
  readonly timers: Timers;
}

/** Each signature takes one of the four threads of Node's pool; a token that hangs leaves one. */
const mostSessions = 3;
const mostWaiting = 256;
const deadlineMs = 2_000;

export function createSessionPool<Session extends { close(): void }>({
  open,
  timers,
}: SessionPoolDeps<Session>): SessionPool<Session> {
  const idle: Session[] = [];
  const turns = createTurns({ concurrency: mostSessions, queue: mostWaiting });

  async function workWith<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
    try {
      const result = await work(session);
      idle.push(session);
      return result;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  async function workOn<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const kept = idle.pop();
    if (kept) {
      try {
        return await workWith(kept, work);
      } catch {
        // The token may have been away since: a new session knows.
      }
    }
    return workWith(await open(), work);
  }

  return {
    use(work) {
      return withDeadline(timers, async (isLate) => {
        if (turns.isFull()) throw new SignerOverloaded();
        return turns.take(async () => {
          if (isLate()) throw new SignerUnavailable('nobody waits for this signature any more');
          return workOn(work);
        });
      });
    },
    close() {
      for (const session of idle.splice(0)) session.close();
    },
  };
}

/** The work is not cut off: the session stays taken until the token has answered. */
async function withDeadline<T>(
  timers: Timers,
  work: (isLate: () => boolean) => Promise<T>,
): Promise<T> {
  let late = false;
  let cancel = (): void => {};
  const deadline = new Promise<never>((_resolve, reject) => {
    cancel = timers.after(deadlineMs, () => {
      late = true;
      reject(new SignerUnavailable(`no signature within ${deadlineMs} ms`));
    });
  });
  try {
    return await Promise.race([work(() => late), deadline]);
  } finally {
    cancel();
  }
}
