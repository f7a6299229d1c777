/** Something that several holders share. */
export interface Lease<T> {
  readonly value: T;
  /** Lets go of it; whoever is the last closes it. More than once is once. */
  release(): Promise<void>;
}

export interface Leases<T, Event> {
  /**
   * @param key names it: who gives the same one shares it
   * @param open called when nobody holds it; told where to send what happens to it
   * @param onEvent told what happens until the release
   */
  take(
    key: string,
    open: (tell: (event: Event) => void) => T,
    onEvent: (event: Event) => void,
  ): Lease<T>;
}

/** Opens what is shared for the first who takes it, and closes it after the last. */
export function createLeases<T, Event>(close: (value: T) => Promise<void>): Leases<T, Event> {
  const held = new Map<string, { value: T; listeners: Set<(event: Event) => void> }>();

  function openEntry(key: string, open: (tell: (event: Event) => void) => T) {
    const listeners = new Set<(event: Event) => void>();
    const tell = (event: Event) => {
      for (const listener of listeners) listener(event);
    };
    const entry = { value: open(tell), listeners };
    held.set(key, entry);
    return entry;
  }

  return {
    take(key, open, onEvent) {
      const entry = held.get(key) ?? openEntry(key, open);
      const { value, listeners } = entry;
      // One of its own: two holders may give the same function.
      const listener = (event: Event) => onEvent(event);
      listeners.add(listener);
      return {
        value,
        async release() {
          if (!listeners.delete(listener) || listeners.size > 0) return;
          held.delete(key);
          await close(value);
        },
      };
    },
  };
}
