import { describe, expect, it } from '@jest/globals';
import { parseHtpasswd } from '../../../../../src/exchange/credentials/basic/htpasswd.ts';
import { CredentialFileError } from '../../../../../src/exchange/credentials/credential-file-error.ts';

const bcrypt = '$2y$05$Twl4JhZYpgNxiIx2lY49PeXRKtVSm8Vcy.hbaFUFrxi.2itEnOf5O';
const salt = 'DXDDJSv8S0YKCBdg+/Nyjg';
const output = '6B+YiV1Vla65P2wmuHmjtk4e+Wrft87shgOR1OcQqTA';
const argon2 = `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${output}`;

function problemsOf(text: string): readonly string[] {
  try {
    parseHtpasswd(text);
  } catch (error) {
    if (error instanceof CredentialFileError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseHtpasswd', () => {
  it('reads users, and passes over comments and blank lines', () => {
    const text = `\uFEFF# people\r\nalice:${bcrypt}\r\n\r\n  \nbob smith:${argon2} \n`;
    expect([...parseHtpasswd(text)]).toEqual([
      ['alice', bcrypt],
      ['bob smith', argon2],
    ]);
  });

  it('takes a file without users, who are then all unknown', () => {
    expect(parseHtpasswd('# nobody yet\n').size).toBe(0);
  });

  it.each(['argon2i', 'argon2d'])('takes %s', (variant) => {
    const hash = argon2.replace('argon2id', variant);
    expect(parseHtpasswd(`a:${hash}`).get('a')).toBe(hash);
  });

  it.each([
    ['apr1', '$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/'],
    ['SHA-1', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['crypt', 'rqXexS6ZhobKA'],
    ['SHA-512 crypt', '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO'],
    ['plain text', 'secret-password'],
    ['nothing', ''],
    ['$2x$', bcrypt.replace('$2y$', '$2x$')],
    ['argon2 without a version', argon2.replace('v=19$', '')],
    ['argon2 with a key id', argon2.replace('p=1', 'p=1,keyid=aa')],
    ['a short argon2 salt', argon2.replace(salt, 'c2FsdA')],
    ['a short argon2 output', argon2.replace(output, 'c2FsdHNhbHQ')],
    ['a third field', `${bcrypt}:comment`],
  ])('refuses %s by its line, without repeating the hash', (_what, hash) => {
    const [problem, ...others] = problemsOf(`ok:${bcrypt}\n\nbad:${hash}`);
    expect(problem).toBe('line 3: only bcrypt ($2a$, $2b$, $2y$) and argon2 hashes are accepted');
    expect(others).toEqual([]);
  });

  it.each([
    ['argon2 memory', argon2.replace('m=19456', 'm=262145'), /argon2 cost is too high/],
    ['argon2 passes', argon2.replace('t=2', 't=4000000000'), /argon2 cost is too high/],
    ['argon2 memory times passes', argon2.replace('m=19456,t=2', 'm=262144,t=5'), /too high/],
    ['argon2 parallelism', argon2.replace('p=1', 'p=17'), /argon2 cost is too high/],
    ['bcrypt', bcrypt.replace('$05$', '$16$'), /bcrypt cost is 16, above the limit of 15/],
  ])('refuses a cost that would stop the service: %s', (_what, hash, problem) => {
    expect(problemsOf(`a:${hash}`)).toEqual([expect.stringMatching(problem)]);
  });

  it.each([
    ['bcrypt with cost 3', bcrypt.replace('$05$', '$03$')],
    ['a last character of bcrypt with bits too many', `${bcrypt.slice(0, -1)}P`],
    ['argon2 with less memory than it needs', argon2.replace('m=19456', 'm=1')],
    ['argon2 without passes', argon2.replace('t=2', 't=0')],
    ['argon2 with a bad last character', `${argon2.slice(0, -1)}B`],
  ])('refuses what the library could never check: %s', (_what, hash) => {
    expect(problemsOf(`a:${hash}`)).toEqual(['line 1: the hash is damaged']);
  });

  it('names every bad line at once', () => {
    const text = `a:${bcrypt}\nno colon\na:${argon2}\n:${bcrypt}\nb\tc:${bcrypt}\n`;
    expect(problemsOf(text)).toEqual([
      'line 2: expected user:hash',
      'line 3: this user already has a line',
      'line 4: expected user:hash',
      'line 5: the user name holds a control character',
    ]);
  });
});
