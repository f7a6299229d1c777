/** NTP may correct a clock by this much at once. */
const tolerance = 10_000;

export interface Clocks {
  /** Milliseconds since the epoch; may jump. */
  readonly wall: () => number;
  /** Milliseconds; never jumps. */
  readonly monotonic: () => number;
}

/**
 * A key that was published a minute ago must not count as published for an hour because somebody
 * set the clock.
 *
 * @returns a clock, in milliseconds since the epoch, that follows the wall clock but for its jumps
 */
export function createSteadyClock({ wall, monotonic }: Clocks): () => number {
  let offset = wall() - monotonic();
  return () => {
    const steady = monotonic() + offset;
    const shown = wall();
    if (Math.abs(shown - steady) > tolerance) return steady;
    offset = shown - monotonic();
    return shown;
  };
}
