import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { verify } from '@node-rs/argon2';
import { run } from '../../../src/commands/hash.ts';
import { parseKeysFile } from '../../../src/exchange/credentials/api-key/api-keys-file.ts';
import { passwordHashProblem } from '../../../src/exchange/credentials/basic/password-hash.ts';
import { runWith } from './io.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('countersign hash', () => {
  it('prints an argon2id hash that this service takes', async () => {
    const { code, out } = await runWith(run, [], { stdin: 'correct horse\n' });
    expect(code).toBe(0);
    expect(out).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^\n]+\n$/);
    expect(passwordHashProblem(out.trim())).toBeUndefined();
    expect(await verify(out.trim(), 'correct horse')).toBe(true);
  });

  it('prints the SHA-256 of a generated secret', async () => {
    const { code, out } = await runWith(run, ['--key'], { stdin: 'a-long-generated-key\r\n' });
    expect(code).toBe(0);
    expect(out).toBe(`${sha256('a-long-generated-key')}\n`);
  });

  it.each(['orders', 'a: "b" #c', '007', 'Ünï'])('prints an entry for %s', async (owner) => {
    const stdin = 'a-long-generated-key';
    const { out } = await runWith(run, ['--key', '--owner', owner], { stdin });
    expect(parseKeysFile(out).get(sha256(stdin))?.owner).toBe(owner);
  });

  it('makes a key of 256 bits, and shows it beside its entry', async () => {
    const { code, out } = await runWith(run, ['--key', '--generate', '--owner', 'orders']);
    expect(code).toBe(0);
    const key = out.split('\n')[1] ?? '';
    expect(Buffer.from(key, 'base64url')).toHaveLength(32);
    const entry = out.slice(out.indexOf('- owner'));
    expect(parseKeysFile(entry).get(sha256(key))?.owner).toBe('orders');
    expect((await runWith(run, ['--key', '--generate'])).out).not.toContain(key);
  });

  it('advises against a short key, and does not repeat it', async () => {
    const { code, out, err } = await runWith(run, ['--key'], { stdin: 'fifteen-letters' });
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(/--generate/);
    expect(err).not.toContain('fifteen-letters');
  });

  it.each([
    ['nothing to hash', [], ''],
    ['more than one line', [], 'one\ntwo\n'],
    ['too much', [], 'x'.repeat(70_000)],
    ['an unknown option', ['--sha1'], 'x'],
    ['a secret on the command line', ['correct horse'], 'x'],
    ['--generate without --key', ['--generate'], 'x'],
    ['--owner without --key', ['--owner', 'a'], 'x'],
  ])('is used wrongly with %s', async (_, args, stdin) => {
    const { code, out, err } = await runWith(run, args, { stdin });
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^.+\nUsage: countersign hash/s);
  });

  it('explains itself', async () => {
    const { code, out } = await runWith(run, ['--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/--generate/);
  });
});
