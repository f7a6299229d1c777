/** A file that says who may call (users, keys, certificate authorities) cannot be used. */
export class CredentialFileError extends Error {
  /** One sentence each, with its line where there is one; never a hash or a key. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.name = 'CredentialFileError';
    this.problems = problems;
  }
}
