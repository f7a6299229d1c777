import { availableParallelism } from 'node:os';
import { createTurns } from './turns.ts';

/**
 * Turns on Node's thread pool for signatures, which take some tenths of a millisecond each. Its other
 * threads stay free for files and names, and what waits stays short: a gateway would not wait for the
 * last of them anyway.
 */
export function createSignatureTurns() {
  return createTurns({ concurrency: Math.min(3, availableParallelism()), queue: 256 });
}
