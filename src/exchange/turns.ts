/** Runs a limited number of tasks at a time; some more wait in order. */
export interface Turns {
  /** Whether one more would have to wait behind too many. */
  isFull(): boolean;
  /** @returns what the task returns, once its turn has come; never refuses, so ask `isFull` before */
  take<T>(task: () => Promise<T>): Promise<T>;
}

export function createTurns({
  concurrency,
  queue,
}: {
  readonly concurrency: number;
  /** Tasks that may wait. */
  readonly queue: number;
}): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    isFull: () => running >= concurrency && waiting.length >= queue,
    async take(task) {
      if (running < concurrency) running++;
      else await new Promise<void>((turn) => waiting.push(turn));
      try {
        return await task();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running--;
      }
    },
  };
}
