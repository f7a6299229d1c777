import type { Ring } from './rotation.ts';

/** Where a ring is kept, for one instance or several. */
export interface RingStore {
  /**
   * @returns the newest ring, the same object while it has not changed; undefined when there is none
   * @throws KeyError when it cannot be read, or is not sound
   */
  read(): Promise<Ring | undefined>;
  /**
   * Keeps a ring, durably.
   *
   * @param ring the successor of what `read` gave last
   * @returns false when another instance was first
   * @throws KeyError when it cannot be kept
   */
  write(ring: Ring): Promise<boolean>;
  /**
   * Tells the other instances what this one publishes.
   *
   * @param since when each key was first published here, milliseconds since the epoch, by key id
   */
  announce(since: ReadonlyMap<string, number>): Promise<void>;
  /** @returns whether every instance is known to publish a key, and did so `for` milliseconds ago */
  isKnownEverywhere(kid: string, forAtLeast: number): boolean;
  close(): Promise<void>;
}
