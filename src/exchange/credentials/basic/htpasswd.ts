import { CredentialFileError } from '../credential-file-error.ts';
import { passwordHashProblem } from './password-hash.ts';

/** User name to password hash. */
export type Htpasswd = ReadonlyMap<string, string>;

/**
 * Reads an htpasswd file: `user:hash` lines, comments and blank lines.
 *
 * @throws CredentialFileError that names every bad line: no colon, a second entry for a user, or a
 *   hash other than bcrypt and argon2 (apr1, SHA-1, crypt and plain text are too cheap to guess)
 */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const problem = addUser(users, line);
    if (problem) problems.push(`line ${index + 1}: ${problem}`);
  }
  if (problems.length > 0) throw new CredentialFileError(problems);
  return users;
}

function addUser(users: Map<string, string>, line: string): string | undefined {
  const colon = line.indexOf(':');
  if (colon < 1) return 'expected user:hash';
  const user = line.slice(0, colon);
  const hash = line.slice(colon + 1).trimEnd();
  if (/\p{Cc}/u.test(user)) return 'the user name holds a control character';
  if (users.has(user)) return 'this user already has a line';
  users.set(user, hash);
  return passwordHashProblem(hash);
}
