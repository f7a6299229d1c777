import type { KeySet } from './key-set.ts';

/** How long the last good set serves when no newer one can be fetched. */
export const hardStaleMs = 24 * 60 * 60_000;

/** The last good key set of an issuer. */
export interface HeldKeys {
  /** @returns the set; undefined when there is none that is fresh enough to believe */
  current(): KeySet | undefined;
  replace(set: KeySet): void;
  loadedAt(): number | undefined;
}

/** @param onChange called when other keys are usable than before, after the change took effect */
export function createHeldKeys({
  now,
  onChange,
}: {
  readonly now: () => number;
  readonly onChange: () => void;
}): HeldKeys {
  let held: { readonly set: KeySet; readonly at: number } | undefined;

  function hold(next: typeof held): void {
    const before = held?.set.fingerprint ?? '';
    held = next;
    if ((next?.set.fingerprint ?? '') !== before) onChange();
  }

  return {
    current() {
      if (held !== undefined && now() - held.at > hardStaleMs) hold(undefined);
      return held?.set;
    },
    replace: (set) => hold({ set, at: now() }),
    loadedAt: () => held?.at,
  };
}
