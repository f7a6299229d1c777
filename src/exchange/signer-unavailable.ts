/** A key outside this process could not be asked to sign, or did not answer in time. */
export class SignerUnavailable extends Error {
  override readonly name = 'SignerUnavailable';
}
