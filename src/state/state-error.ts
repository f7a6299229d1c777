/** The state cannot be read or kept, and why. */
export class StateError extends Error {
  override readonly name = 'StateError';
}
