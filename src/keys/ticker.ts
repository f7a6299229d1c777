import { KeyError } from './key-error.ts';
import type { KeyEvent } from './key-events.ts';

/** Does again and again what is due to the keys, and remembers what keeps it from doing so. */
export interface Ticker {
  /** Does what is due now. Never throws. */
  tick(): Promise<void>;
  start(): void;
  /** Why the store cannot be used now. */
  problem(): string | undefined;
  /** Resolves when nothing runs any more. */
  stop(): Promise<void>;
}

/**
 * @param step does what is due, or throws a KeyError
 * @param every milliseconds between two steps
 */
export function createTicker(
  step: () => Promise<void>,
  every: number,
  log: (event: KeyEvent) => void,
): Ticker {
  let problem: string | undefined;
  let running = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  async function tick(): Promise<void> {
    try {
      await step();
      if (problem !== undefined) log({ event: 'key_store_recovered' });
      problem = undefined;
    } catch (error) {
      const found = error instanceof KeyError ? error.message : 'unexpected';
      if (problem !== found) log({ event: 'key_store_failed', problem: found });
      problem = found;
    }
  }

  function start(): void {
    timer = setTimeout(() => {
      running = tick().then(() => {
        if (timer !== undefined) start();
      });
    }, every);
  }

  return {
    tick,
    start,
    problem: () => problem,
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}
