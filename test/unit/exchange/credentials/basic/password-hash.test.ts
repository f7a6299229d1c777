import { describe, expect, it } from '@jest/globals';
import { verifySync as verifyArgon2 } from '@node-rs/argon2';
import { hashSync, verifySync as verifyBcrypt } from '@node-rs/bcrypt';
import {
  createDummyHash,
  passwordHashProblem,
} from '../../../../../src/exchange/credentials/basic/password-hash.ts';

const argon2 =
  '$argon2id$v=19$m=64,t=1,p=1$DXDDJSv8S0YKCBdg+/Nyjg$6B+YiV1Vla65P2wmuHmjtk4e+Wrft87shgOR1OcQqTA';
const [cheap, cheaper, dear] = [5, 4, 6].map((cost) => hashSync('password', { cost })) as [
  string,
  string,
  string,
];

describe('createDummyHash', () => {
  it('has the costs of most hashes', () => {
    expect(createDummyHash([dear, cheap, argon2, cheap.replace('$2b', '$2y'), cheaper])).toMatch(
      /^\$2[by]\$05\$/,
    );
    expect(createDummyHash([argon2, dear, argon2])).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
  });

  it('is a bcrypt hash that can be checked, and that not even the copied password matches', () => {
    const dummy = createDummyHash([cheap]) ?? '';
    expect(passwordHashProblem(dummy)).toBeUndefined();
    expect(dummy).toHaveLength(cheap.length);
    expect(verifyBcrypt('password', cheap)).toBe(true);
    expect(verifyBcrypt('password', dummy)).toBe(false);
  });

  it('is an argon2 hash with an output of the same length', () => {
    const dummy = createDummyHash([argon2]) ?? '';
    expect(passwordHashProblem(dummy)).toBeUndefined();
    expect(dummy).toHaveLength(argon2.length);
    expect(dummy).not.toBe(argon2);
    expect(verifyArgon2(dummy, 'password')).toBe(false);
  });

  it('is new each time', () => {
    expect(createDummyHash([argon2])).not.toBe(createDummyHash([argon2]));
    expect(createDummyHash([cheap])).not.toBe(createDummyHash([cheap]));
  });

  it('is none when there are no hashes', () => {
    expect(createDummyHash([])).toBeUndefined();
  });
});
