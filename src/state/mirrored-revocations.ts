import { createMemoryRevocations } from './memory-revocations.ts';
import { createRevocationTable } from './revocation-table.ts';
import type { Revocation, Revocations } from './revocations.ts';
import type { RuleTableSettings } from './rule-table.ts';
import { sweepTable } from './sweep-table.ts';

/** The revocations that another process on this machine keeps, as one that only looks them up has them. */
export interface MirroredRevocations {
  /** Takes over what the other process has made durable; also before they are opened. */
  learn(entry: Revocation): Promise<void>;
  /**
   * Reads what is there. Nothing is missed when what comes later is told by `learn`.
   *
   * @throws StateError
   */
  open(directory: string, settings: RuleTableSettings): Promise<Revocations>;
}

/** Milliseconds. */
const sweepEvery = 60_000;

/** @param now milliseconds since the epoch */
export function createMirroredRevocations(now: () => number): MirroredRevocations {
  const early: Revocation[] = [];
  let opened: Revocations | undefined;
  return {
    async learn(entry) {
      if (opened === undefined) early.push(entry);
      else await opened.revoke(entry);
    },
    async open(directory, settings) {
      const table = createRevocationTable(settings);
      // Loaded when asked for: it is native code.
      const { readLmdbRevocations } = await import('./lmdb-revocations.ts');
      await readLmdbRevocations(directory, table);
      const revocations = createMemoryRevocations(settings, table);
      const timer = setInterval(() => void sweepTable(table, now), sweepEvery).unref();
      opened = revocations;
      for (const entry of early.splice(0)) await revocations.revoke(entry);
      return {
        ...revocations,
        status: () => ({ ...revocations.status(), store: 'lmdb' }),
        async close() {
          clearInterval(timer);
        },
      };
    },
  };
}
