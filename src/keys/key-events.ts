import type { Ring } from './rotation.ts';

/** What happens to keys, for the log. */
export type KeyEvent =
  | { readonly event: 'key_staged'; readonly kid: string; readonly alg: string }
  | { readonly event: 'key_active' | 'key_gone' | 'key_dropped'; readonly kid: string }
  | { readonly event: 'key_store_failed'; readonly problem: string }
  | { readonly event: 'key_store_recovered' };

/** Logs what became of each key from one ring to the next. */
export function tellChanges(before: Ring, next: Ring, log: (event: KeyEvent) => void): void {
  const old = new Map(before.keys.map((key) => [key.kid, key]));
  for (const { kid, alg, state } of next.keys) {
    if (old.get(kid)?.state === state) continue;
    if (state === 'staged') log({ event: 'key_staged', kid, alg });
    if (state === 'active') log({ event: 'key_active', kid });
  }
  const dropped = new Set(next.dropped.map(({ kid }) => kid));
  for (const { kid } of before.keys) {
    if (next.keys.some((key) => key.kid === kid)) continue;
    log({ event: dropped.has(kid) ? 'key_dropped' : 'key_gone', kid });
  }
}
