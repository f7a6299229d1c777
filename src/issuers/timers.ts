/** Delayed work, as an argument so that tests decide when it is due. */
export interface Timers {
  /** @returns a function that cancels */
  after(ms: number, run: () => void): () => void;
}

/** Node's timers; they do not keep the process alive. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
