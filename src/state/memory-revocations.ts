import { createRevocationTable } from './revocation-table.ts';
import type { Revocation, Revocations } from './revocations.ts';
import type { RuleTableSettings } from './rule-table.ts';

/** Revocations that end with the process: where nothing can be revoked, or is only tried out. */
export function createMemoryRevocations(
  settings: RuleTableSettings,
  table = createRevocationTable(settings),
): Revocations {
  const listeners: ((entry: Revocation) => void)[] = [];
  return {
    ...table,
    async revoke(entry) {
      if (table.add(entry)) for (const listener of listeners) listener(entry);
    },
    onChange(listener) {
      listeners.push(listener);
    },
    status: () => ({ store: 'memory', ...table.size(), problem: undefined, age: undefined }),
    async close() {},
  };
}
