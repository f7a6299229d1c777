import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import {
  call,
  countersign,
  endAll,
  freshDirectory,
  patience,
  type Serving,
  serve,
  until,
} from '../support/process.ts';
import { configured, jwksOf, kidOf, newToken } from '../support/rotating.ts';
import { canMount, mountSmall, remount, unmountAll } from '../support/small-disk.ts';

jest.setTimeout(patience);
afterEach(async () => {
  unmountAll();
  await endAll();
});

const slow = '{ every: 30d, publish_ahead: 1h }';
const kidsOf = async (serving: Serving) => (await jwksOf(serving)).set.keys.map(({ kid }) => kid);
const ringFile = (directory: string) => {
  const keys = join(directory, 'data', 'keys');
  return join(keys, readdirSync(keys).find((name) => name.startsWith('ring-')) ?? '');
};

describe('keys of a running service', () => {
  it('change by themselves, and no verifier meets a token that it cannot verify', async () => {
    const serving = await serve(configured('{ every: 4s, publish_ahead: 2s }'));
    const seen = new Set<string>();
    let cached = await jwksOf(serving);
    let fetchedAt = Date.now();
    expect(cached.caching).toMatch(/max-age=1,/);
    const deadline = Date.now() + 30_000;
    while (seen.size < 3 && Date.now() < deadline) {
      const token = await newToken(serving);
      seen.add(kidOf(token));
      // It keeps the JWKS for all of its max-age.
      if (Date.now() - fetchedAt > 1000) {
        cached = await jwksOf(serving);
        fetchedAt = Date.now();
      }
      await jwtVerify(token, createLocalJWKSet(cached.set));
    }
    expect(seen.size).toBe(3);
    expect(cached.set.keys.every((jwk) => !('d' in jwk))).toBe(true);
    // Only what signs, or will, is kept with its private half.
    const { keys } = JSON.parse(readFileSync(ringFile(serving.directory), 'utf8'));
    for (const { state, d } of keys) expect(d === undefined).toBe(state === 'retiring');
  });

  it('are rotated by hand: published within a second, listed, and planned', async () => {
    const serving = await serve(configured(slow));
    const first = kidOf(await newToken(serving));
    const keys = (...args: string[]) => countersign(['keys', ...args], { cwd: serving.directory });
    const { code, stdout } = await keys('rotate');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/ is published, and signs from /)]);
    await until(async () => (await kidsOf(serving)).length === 2);
    expect(kidOf(await newToken(serving))).toBe(first);
    expect((await keys('list')).stdout).toMatch(/staged.*\n.*active/s);
    expect((await keys('rotate', '--plan')).stdout).toMatch(
      new RegExp(`it signs\\n.*${first}  it is published without its private half`),
    );
    expect((await keys('rotate')).code).toBe(1);
  });

  it('that leaked are gone within a second, with the tokens kept for reuse', async () => {
    const serving = await serve(configured(slow));
    const before = await newToken(serving, 'alice');
    expect(await newToken(serving, 'alice')).toBe(before);
    const { code, stdout } = await countersign(['keys', 'rotate', '--now', '--compromised'], {
      cwd: serving.directory,
    });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/What this breaks/)]);
    await until(async () => !(await kidsOf(serving)).includes(kidOf(before)));
    const after = await newToken(serving, 'alice');
    expect(kidOf(after)).not.toBe(kidOf(before));
    expect(await kidsOf(serving)).toEqual([kidOf(after)]);
    const asked = await call({
      ...{ port: serving.ports.public, path: '/introspect' },
      headers: { Authorization: `Bearer ${before}` },
    });
    expect(asked.status).toBe(401);
  });

  it.each<[string, (directory: string, file: string) => () => void]>([
    [
      'open to others',
      (directory) => {
        chmodSync(directory, 0o777);
        return () => chmodSync(directory, 0o700);
      },
    ],
    [
      'not there, but for a file',
      (directory) => {
        renameSync(directory, `${directory}.away`);
        writeFileSync(directory, '');
        return () => {
          renameSync(directory, `${directory}.file`);
          renameSync(`${directory}.away`, directory);
        };
      },
    ],
    [
      'holding a newer ring that is half-written',
      (directory, file) => {
        const newer = join(directory, 'ring-00000009.jwks.json');
        writeFileSync(newer, readFileSync(file, 'utf8').slice(0, 100), { mode: 0o600 });
        return () => renameSync(newer, join(directory, 'broken'));
      },
    ],
  ])('go on while their directory is %s', async (_what, spoil) => {
    const serving = await serve(configured('{ every: 20s, publish_ahead: 2s }'));
    const first = kidOf(await newToken(serving));
    const directory = join(serving.directory, 'data', 'keys');
    const repair = spoil(directory, ringFile(serving.directory));
    await until(() => serving.stdout().includes('key_store_failed'));
    expect(kidOf(await newToken(serving))).toBe(first);
    const ready = () => call({ port: serving.ports.ops, path: '/readyz' });
    expect((await ready()).status).toBe(200);
    repair();
    await until(() => serving.stdout().includes('key_store_recovered'));
    expect(kidOf(await newToken(serving))).toBe(first);
  });

  it('are written again when their directory is lost', async () => {
    const serving = await serve(configured(slow));
    const first = kidOf(await newToken(serving));
    const directory = join(serving.directory, 'data', 'keys');
    renameSync(directory, `${directory}.lost`);
    await until(() => {
      mkdirSync(join(serving.directory, 'data'), { recursive: true });
      try {
        return ringFile(serving.directory).endsWith('.json');
      } catch {
        return false;
      }
    });
    const { stdout } = await countersign(['keys', 'list'], { cwd: serving.directory });
    expect(stdout).toContain(first);
  });
});

(canMount ? describe : describe.skip)('keys on a disk', () => {
  it.each<[string, (disk: string) => () => void]>([
    [
      'full',
      (disk) => {
        const filler = join(disk, 'filler');
        try {
          for (;;) appendFileSync(filler, Buffer.alloc(4096));
        } catch {
          return () => rmSync(filler);
        }
      },
    ],
    [
      'read-only',
      (disk) => {
        remount(disk, 'ro');
        return () => remount(disk, 'rw');
      },
    ],
  ])('that is %s go on, and change when they can be kept again', async (_what, spoil) => {
    const directory = freshDirectory();
    const disk = join(directory, 'data', 'keys');
    mkdirSync(disk, { recursive: true, mode: 0o700 });
    expect(mountSmall(disk)).toBe(true);
    const serving = await serve(configured('{ every: 4s, publish_ahead: 2s }'), { directory });
    const first = kidOf(await newToken(serving));
    const repair = spoil(disk);
    await until(() => serving.stdout().includes('key_store_failed'));
    expect(kidOf(await newToken(serving))).toBe(first);
    expect((await call({ port: serving.ports.ops, path: '/readyz' })).status).toBe(200);
    const { body } = await call({ port: serving.ports.ops, path: '/metrics' });
    expect(body).toContain('countersign_key_store_up 0');
    repair();
    await until(() => serving.stdout().includes('key_store_recovered'));
    await until(async () => kidOf(await newToken(serving)) !== first);
  });
});
