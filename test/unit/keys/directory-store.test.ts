import { execFileSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  addKey,
  type KeyGenerated,
  openKeyDirectory,
  readKeyDirectory,
} from '../../../src/keys/directory-store.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { KeyError } from '../../../src/keys/key-error.ts';
import { readKeyFile } from '../../../src/keys/key-file.ts';
import { openKeyRing, readKeyRing } from '../../../src/keys/key-ring.ts';

const root = await mkdtemp(join(tmpdir(), 'countersign-keys-'));
afterAll(() => rm(root, { recursive: true }));

const now = 1_800_000_000_000;
let count = 0;
let directory = '';
let events: KeyGenerated[] = [];
const deps = { now: () => now, log: (event: KeyGenerated) => events.push(event) };
beforeEach(() => {
  directory = join(root, String(count++), 'keys');
  events = [];
});

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe('a key directory', () => {
  it('is made at first start, with one key that only its owner can read', async () => {
    const [key, ...others] = await openKeyDirectory(directory, 'ES256', deps);
    expect(others).toEqual([]);
    expect(await readdir(directory)).toEqual(['00000001.jwk.json']);
    expect(await modeOf(directory)).toBe('700');
    expect(await modeOf(join(directory, '00000001.jwk.json'))).toBe('600');
    expect(events).toEqual([{ event: 'key_generated', kid: key?.kid, alg: 'ES256' }]);
    expect(key?.createdAt).toBe(now);
  });

  it('keeps its key over a restart', async () => {
    const first = await openKeyDirectory(directory, 'Ed25519', deps);
    const again = await openKeyDirectory(directory, 'Ed25519', deps);
    expect(again.map(({ kid }) => kid)).toEqual(first.map(({ kid }) => kid));
    expect(events).toHaveLength(1);
  });

  it('makes a key of 2048 bits for RSA', async () => {
    const [key] = await openKeyDirectory(directory, 'RS256', deps);
    expect(key?.key.asymmetricKeyDetails?.modulusLength).toBe(2048);
  });

  it('keeps the random name of an HMAC key', async () => {
    const [first] = await openKeyDirectory(directory, 'HS512', deps);
    const [again] = await openKeyDirectory(directory, 'HS512', deps);
    expect(again?.kid).toBe(first?.kid);
    expect(again?.key.symmetricKeySize).toBe(64);
  });

  it('gets a new signing key when the configured algorithm changes, and keeps the old one', async () => {
    const [old] = await openKeyDirectory(directory, 'ES256', deps);
    const keys = await openKeyDirectory(directory, 'Ed25519', deps);
    expect(keys.map(({ alg, position }) => [alg, position])).toEqual([
      ['Ed25519', 2],
      ['ES256', 1],
    ]);
    const ring = await openKeyRing({ directory, algorithm: 'Ed25519' }, deps);
    expect(ring.signer.alg).toBe('Ed25519');
    expect(ring.publicKeys).toHaveLength(2);
    expect(ring.verificationKey(old?.kid ?? '')?.alg).toBe('ES256');
  });

  it('ends with one key when many open it at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 8 }, () => openKeyDirectory(directory, 'ES256', deps)),
    );
    expect(new Set(all.flat().map(({ kid }) => kid)).size).toBe(1);
    expect(await readdir(directory)).toEqual(['00000001.jwk.json']);
    expect(events).toHaveLength(1);
  });

  it('keeps every key that is added at once', async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => generatePrivateKey('ES256')));
    await Promise.all(keys.map((key) => addKey(directory, key, now)));
    const kept = await readKeyDirectory(directory);
    expect(kept.map(({ kid }) => kid).sort()).toEqual(keys.map(({ kid }) => kid).sort());
  });

  it('refuses a key that it has', async () => {
    const key = await generatePrivateKey('ES256');
    await addKey(directory, key, now);
    await expect(addKey(directory, key, now)).rejects.toThrow(/already has a key/);
  });

  it('pays no attention to other files', async () => {
    await openKeyDirectory(directory, 'ES256', deps);
    await mkdir(join(directory, 'lost+found'));
    await writeFile(join(directory, '.half-written.new'), '{');
    await writeFile(join(directory, 'README'), 'hello');
    expect(await readKeyDirectory(directory)).toHaveLength(1);
  });

  it.each([0o704, 0o702, 0o777])('is refused when others can use it (mode %o)', async (mode) => {
    await mkdir(directory, { recursive: true });
    await chmod(directory, mode);
    await expect(openKeyDirectory(directory, 'ES256', deps)).rejects.toThrow(/chmod 700/);
    expect(await readdir(directory)).toEqual([]);
  });

  it('may be shared with a group, as Kubernetes does', async () => {
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o770);
    expect(await openKeyDirectory(directory, 'ES256', deps)).toHaveLength(1);
  });

  it('is refused with a key file that is broken, by the name of the file', async () => {
    await openKeyDirectory(directory, 'ES256', deps);
    await writeFile(join(directory, '00000002.jwk.json'), '{"kty":"EC"', { mode: 0o600 });
    await expect(readKeyDirectory(directory)).rejects.toThrow(/00000002\.jwk\.json.*not JSON/);
  });

  it('is refused when it is a file', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    await expect(openKeyDirectory(file, 'ES256', deps)).rejects.toThrow(KeyError);
    await expect(readKeyDirectory(file)).rejects.toThrow(/not a directory/);
  });

  it('is refused when it is missing and only read', async () => {
    await expect(readKeyRing({ directory, algorithm: 'RS256' })).rejects.toThrow(/ENOENT/);
  });
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
    const ring = await openKeyRing({ privateKeyFile, algorithm: 'RS256' }, deps);
    expect(ring.signer).toMatchObject({ alg: 'ES384', kid });
    await writeFile(privateKeyFile, 'placeholder');
    await expect(openKeyRing({ privateKeyFile, algorithm: 'RS256' }, deps)).rejects.toThrow(
      /key\.pem.*placeholder/,
    );
    expect(await readFile(privateKeyFile, 'utf8')).toBe('placeholder');
  });
});
