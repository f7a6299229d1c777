import { setTimeout as delay } from 'node:timers/promises';
import type { RevocationTable } from './revocation-table.ts';

/** So many entries of the table are looked at without a pause. */
const sliceSize = 20_000;

/**
 * Forgets what is over: revocations of tokens that have expired anyway.
 *
 * @param now milliseconds since the epoch
 */
export async function sweepTable(table: RevocationTable, now: () => number): Promise<void> {
  let count = 0;
  for (const entry of table.entries()) {
    if (isOver(entry, now)) table.forget(entry);
    if (++count % sliceSize === 0) await delay(0);
  }
}

export function isOver(entry: { readonly until: number } | undefined, now: () => number): boolean {
  return entry !== undefined && entry.until * 1000 <= now();
}
