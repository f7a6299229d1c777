/** A key outside this process could not be asked to sign, or did not answer in time. */
export class SignerUnavailable extends Error {
  override readonly name: string = 'SignerUnavailable';
}

/** For the log, of what is refused as `overloaded`. */
export const tooManySignatures = 'too many signatures at once';

/** Too many signatures are being made; nobody is asked for one more. */
export class SignerOverloaded extends SignerUnavailable {
  override readonly name = 'SignerOverloaded';

  constructor() {
    super(tooManySignatures);
  }
}
