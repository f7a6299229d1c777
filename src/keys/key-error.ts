/** A key that is not used, and why. The message never holds key material. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}
