import { availableParallelism } from 'node:os';
import { createTurns } from './turns.ts';

/** Node has four. */
const mostThreads = 3;

/**
 * Turns on Node's thread pool for signatures, which take some tenths of a millisecond each. A core stays
 * for the main thread, and a thread for files and names. What waits stays short: a gateway would not
 * wait for the last of them anyway.
 */
export function createSignatureTurns() {
  const concurrency = Math.min(mostThreads, Math.max(1, availableParallelism() - 1));
  return createTurns({ concurrency, queue: 256 });
}
