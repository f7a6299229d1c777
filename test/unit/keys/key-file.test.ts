import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { readKeyFile } from '../../../src/keys/key-file.ts';
import { readKeyRing } from '../../../src/keys/open-keys.ts';

const root = await mkdtemp(join(tmpdir(), 'countersign-key-file-'));
afterAll(() => rm(root, { recursive: true }));
let count = 0;
let directory = '';
beforeEach(() => {
  directory = join(root, String(count++));
});

describe('a key file', () => {
  const write = async (mode: number) => {
    await mkdir(directory, { recursive: true });
    const file = join(directory, 'key.json');
    await writeFile(file, 'contents');
    await chmod(file, mode);
    return file;
  };

  it.each([0o600, 0o400, 0o640, 0o440])('is read with mode %o', async (mode) => {
    const { contents } = await readKeyFile(await write(mode));
    expect(contents.toString()).toBe('contents');
  });

  it.each([0o604, 0o602, 0o601, 0o644, 0o666])('is refused with mode %o', async (mode) => {
    await expect(readKeyFile(await write(mode))).rejects.toThrow(/chmod 600/);
  });

  it('may be a symbolic link, whose target counts', async () => {
    const target = await write(0o600);
    await symlink(target, join(directory, 'link'));
    expect((await readKeyFile(join(directory, 'link'))).contents.toString()).toBe('contents');
    await chmod(target, 0o644);
    await expect(readKeyFile(join(directory, 'link'))).rejects.toThrow(/chmod 600/);
  });

  it('is refused when it is a directory, missing, or a pipe that nobody writes to', async () => {
    await write(0o600);
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(readKeyFile(pipe)).rejects.toThrow(/not a regular file/);
    await expect(readKeyFile(directory)).rejects.toThrow(/not a regular file/);
    await expect(readKeyFile(join(directory, 'none'))).rejects.toThrow(/ENOENT/);
  });

  it('gives the key ring its key, and its name to an error', async () => {
    await mkdir(directory, { recursive: true });
    const privateKeyFile = join(directory, 'key.pem');
    const { key, kid } = await generatePrivateKey('ES384');
    await writeFile(privateKeyFile, key.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    const ring = await readKeyRing({ privateKeyFile, algorithm: 'RS256' });
    expect(ring.signer).toMatchObject({ alg: 'ES384', kid });
    await writeFile(privateKeyFile, 'placeholder');
    await expect(readKeyRing({ privateKeyFile, algorithm: 'RS256' })).rejects.toThrow(
      /key\.pem.*placeholder/,
    );
    expect(await readFile(privateKeyFile, 'utf8')).toBe('placeholder');
  });
});
