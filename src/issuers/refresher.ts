import type { Timers } from './timers.ts';

const softTtlMs = 10 * 60_000;
const shortestTtlMs = 60_000;
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;
const coolDownMs = 30_000;
const waitMs = 2_000;

/** How a load ended: it may be believed for `maxAgeSeconds`, or failed and left something or nothing. */
export type LoadOutcome =
  | { readonly ok: true; readonly maxAgeSeconds: number | undefined }
  | { readonly ok: false; readonly usable: 'something' | 'nothing' };

export interface Refresher {
  /**
   * Loads, or joins the load that is running.
   *
   * @returns true when it succeeded; false when it failed or is not done after 2 seconds
   */
  refresh(): Promise<boolean>;
  /** Whether the last load failed and the next one is not due yet. */
  isPausing(): boolean;
  /** Whether a load is running, or none began in the last 30 seconds. */
  mayRefresh(): boolean;
  /** Loads that failed since the last good one. */
  failures(): number;
  close(): void;
}

/**
 * Repeats `load` in the background, one at a time: before what it loaded is old, and with growing
 * pauses while it fails.
 *
 * @param load must not throw
 * @param now milliseconds
 */
export function createRefresher({
  load,
  now,
  timers,
}: {
  readonly load: () => Promise<LoadOutcome>;
  readonly now: () => number;
  readonly timers: Timers;
}): Refresher {
  let running: Promise<boolean> | undefined;
  let began = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let closed = false;
  let cancelNext = (): void => {};

  async function run(): Promise<boolean> {
    const outcome = await load();
    running = undefined;
    failures = outcome.ok ? 0 : failures + 1;
    cancelNext();
    if (!closed) cancelNext = timers.after(nextDelayMs(outcome, failures), refreshInBackground);
    return outcome.ok;
  }

  function refresh(): Promise<boolean> {
    if (closed) return Promise.resolve(false);
    if (running === undefined) {
      began = now();
      running = waitFor(run(), timers);
    }
    return running;
  }

  function refreshInBackground(): void {
    void refresh();
  }

  return {
    refresh,
    isPausing: () => running === undefined && failures > 0,
    // A clock that was set back must not hold up the refresh until it has caught up.
    mayRefresh: () => running !== undefined || Math.abs(now() - began) >= coolDownMs,
    failures: () => failures,
    close() {
      closed = true;
      cancelNext();
    },
  };
}

/** @returns milliseconds until the next load, up to a tenth early so that replicas spread out */
export function nextDelayMs(outcome: LoadOutcome, failures: number): number {
  return delayMs(outcome, failures) * (1 - Math.random() / 10);
}

function delayMs(outcome: LoadOutcome, failures: number): number {
  if (outcome.ok) {
    const maxAgeMs = (outcome.maxAgeSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    return Math.min(Math.max(maxAgeMs, shortestTtlMs), softTtlMs);
  }
  if (outcome.usable === 'something') return shortestTtlMs;
  return Math.min(firstRetryMs * 2 ** (failures - 1), longestRetryMs);
}

function waitFor(work: Promise<boolean>, timers: Timers): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = timers.after(waitMs, () => resolve(false));
    void work.then((done) => {
      cancel();
      resolve(done);
    });
  });
}
