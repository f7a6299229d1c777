import type { RevocationCopy } from './revocation-copy.ts';
import { pageSize, type RevocationStream } from './revocation-stream.ts';
import type { RevocationTable } from './revocation-table.ts';
import { StateError } from './state-error.ts';
import { isOver, sweepTable } from './sweep-table.ts';

export interface RevocationSweeperDeps {
  readonly stream: RevocationStream;
  readonly table: RevocationTable;
  readonly copy: Pick<RevocationCopy, 'read'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface RevocationSweeper {
  /** Removes what is over from the table, and from a page of the stream. Never throws. */
  sweep(): Promise<void>;
  start(): void;
  stop(): void;
}

/** Milliseconds; spread, because every replica sweeps. */
const sweepEvery = 10_000;

/** Forgets what is over: revocations of tokens that have expired anyway. */
export function createRevocationSweeper(deps: RevocationSweeperDeps): RevocationSweeper {
  const { stream, copy, now } = deps;
  let timer: NodeJS.Timeout | undefined;
  let from = '-';

  /** @returns whether anything was over */
  async function sweepPage(): Promise<boolean> {
    const page = await stream.readFrom(from, pageSize);
    const isLast = page.length < pageSize;
    // The newest entry stays: by it everybody knows that nothing was lost.
    const old = page.slice(0, -1).filter(({ text }) => isOver(copy.read(text), now));
    await stream.remove(old.map(({ id }) => id));
    from = isLast ? '-' : (page.at(-1)?.id ?? '-');
    return old.length > 0 && !isLast;
  }

  async function sweep(): Promise<void> {
    await sweepTable(deps.table, now);
    try {
      while (await sweepPage());
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
    }
  }

  function start(): void {
    const pause = sweepEvery * (0.5 + Math.random());
    timer = setTimeout(() => {
      void sweep().then(() => {
        if (timer !== undefined) start();
      });
    }, pause).unref();
  }

  return {
    sweep,
    start,
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
