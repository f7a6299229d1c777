import { availableParallelism } from 'node:os';
import { createTurns } from './turns.ts';

/** Node has four. */
const mostThreads = 3;
let processes = 1;

/** Says how many processes on this machine sign beside this one, and itself; before anything signs. */
export function shareCores(count: number): void {
  processes = count;
}

/**
 * Turns on Node's thread pool for signatures, which take some tenths of a millisecond each. A core stays
 * for the main thread, and a thread for files and names. What waits stays short: a gateway would not
 * wait for the last of them anyway.
 */
export function createSignatureTurns() {
  const cores = Math.floor(availableParallelism() / processes);
  const concurrency = Math.min(mostThreads, Math.max(1, cores - 1));
  return createTurns({ concurrency, queue: 256 });
}
