import type { Log } from './issuers/log.ts';

/** The wait for what a service cannot start without, such as keys in a Redis that is down. */
export interface StartWait {
  /** Ends the wait. */
  readonly signal: AbortSignal;
  readonly onWaiting: (reason: string) => void;
  /** What is waited for now; undefined when nothing has been. */
  reason(): string | undefined;
  /**
   * Starts what may have to wait.
   *
   * @returns undefined when the process was told to stop meanwhile
   * @throws what starting throws, or what opening the probes does
   */
  during<T>(start: () => Promise<T>): Promise<T | undefined>;
}

export interface StartWaitDeps {
  readonly log: Log;
  /** Opens the listener that tells the platform: only a process that waits needs it so early. */
  readonly openProbes: () => Promise<void>;
  /** Resolves when the process is told to stop. */
  readonly stopped: Promise<unknown>;
}

export function createStartWait({ log, openProbes, stopped }: StartWaitDeps): StartWait {
  const controller = new AbortController();
  const { signal } = controller;
  let reason: string | undefined;
  let failure: unknown;
  void stopped.then(() => controller.abort());

  function fail(error: unknown): void {
    failure = error;
    controller.abort();
  }

  return {
    signal,
    reason: () => reason,
    onWaiting(next) {
      if (reason === undefined) openProbes().catch(fail);
      // The same reason may count seconds down.
      const withoutNumbers = (text: string | undefined) => text?.replaceAll(/\d+/g, '');
      if (withoutNumbers(reason) !== withoutNumbers(next)) log.warn({ reason: next }, 'waiting');
      reason = next;
    },
    async during(start) {
      try {
        return await start();
      } catch (error) {
        if (failure !== undefined) throw failure;
        if (signal.aborted && (error as Error).name === 'AbortError') return undefined;
        throw error;
      }
    },
  };
}
