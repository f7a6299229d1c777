import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createDirectoryStore } from '../../../src/keys/directory-store.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { changeRing } from '../../../src/keys/import.ts';
import { KeyError } from '../../../src/keys/key-error.ts';
import { readRing, writeRing } from '../../../src/keys/ring-document.ts';
import { advance, firstRing, type Ring, stage } from '../../../src/keys/rotation.ts';
import { usualPolicy as policy } from '../../support/rotation.ts';

const root = await mkdtemp(join(tmpdir(), 'countersign-keys-'));
afterAll(() => rm(root, { recursive: true }));

const now = 1_800_000_000_000;
const hour = 3_600_000;
const [ec, okp, hmac] = await Promise.all([
  generatePrivateKey('ES256'),
  generatePrivateKey('Ed25519'),
  generatePrivateKey('HS512'),
]);
let count = 0;
let directory = '';
beforeEach(() => {
  directory = join(root, String(count++), 'keys');
});

const store = () => createDirectoryStore(directory);
const first = firstRing(ec, policy, now);
const second = stage(first, okp, policy, now);
/** One of each state, and a dropped key. */
const full: Ring = {
  ...stage(advance(second, policy, now + hour), hmac, policy, now + hour),
  dropped: [{ kid: 'gone', until: now }],
};

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

/** Everything but the identity of key objects. */
function facts(ring: Ring | undefined) {
  return { ...ring, keys: ring?.keys.map((key) => ({ ...key, key: key.key.type })) };
}

describe('a ring as a document', () => {
  it('says all that there is to say', () => {
    expect(facts(readRing(writeRing(full)))).toEqual(facts(full));
    expect(full.keys.map(({ state, key }) => `${state} ${key.type}`)).toEqual([
      'staged secret',
      'active private',
      'retiring public',
    ]);
  });

  it('is a JWK Set whose retiring keys have no private half', () => {
    const { keys } = JSON.parse(writeRing(full));
    expect(keys.map((jwk: object) => 'd' in jwk || 'k' in jwk)).toEqual([true, true, false]);
  });

  it.each<[string, (document: { keys: object[]; version?: unknown }) => unknown]>([
    ['with two active keys', ({ keys }) => ({ ...base(), keys: keys.map(active) })],
    ['with one name twice', ({ keys }) => ({ ...base(), keys: [keys[1], keys[1]] })],
    ['without keys', () => ({ ...base(), keys: [] })],
    ['without a version', () => ({ ...base(), version: undefined })],
    ['with a member too many', () => ({ ...base(), more: 1 })],
    [
      'with a key of another algorithm',
      ({ keys }) => ({ ...base(), keys: [as(keys[1], 'PS256')] }),
    ],
    [
      'with a public key of another algorithm',
      ({ keys }) => ({ ...base(), keys: [as(keys[2], 'ES384')] }),
    ],
    ['with an active key that is public', ({ keys }) => ({ ...base(), keys: [active(keys[2])] })],
    ['that is none', () => 'ring'],
  ])('is refused %s', (_what, change) => {
    expect(() => readRing(JSON.stringify(change(base())))).toThrow(KeyError);
  });

  const base = () => JSON.parse(writeRing(full));
  const active = (key: object | undefined) => ({ ...key, state: 'active' });
  const as = (key: object | undefined, alg: string) => ({ ...key, alg });

  it('is refused cut off at any place', () => {
    const text = writeRing(first).trimEnd();
    for (let end = 0; end < text.length; end += 7) {
      expect(() => readRing(text.slice(0, end))).toThrow(KeyError);
    }
  });
});

describe('a key directory', () => {
  it('has no ring before one is written, and is made for its owner only', async () => {
    expect(await store().read()).toBeUndefined();
    expect(await store().write(first)).toBe(true);
    expect(await readdir(directory)).toEqual(['ring-00000001.jwks.json']);
    expect(await modeOf(directory)).toBe('700');
    expect(await modeOf(join(directory, 'ring-00000001.jwks.json'))).toBe('600');
    expect(facts(await store().read())).toEqual(facts(first));
  });

  it('keeps the newest version and removes what was before it', async () => {
    const one = store();
    await one.write(first);
    await one.write(second);
    expect(await readdir(directory)).toEqual(['ring-00000002.jwks.json']);
    expect(facts(await store().read())).toEqual(facts(second));
  });

  it('gives the same object until something changes', async () => {
    const [one, other] = [store(), store()];
    await one.write(first);
    const read = await other.read();
    expect(await other.read()).toBe(read);
    await one.write(second);
    expect((await other.read())?.version).toBe(2);
  });

  it('lets one of many write a version', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => store().write(first)));
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  it('loses no change that many make at once', async () => {
    await store().write(first);
    const keys = await Promise.all(Array.from({ length: 6 }, () => generatePrivateKey('ES256')));
    await Promise.all(
      keys.map((key) => changeRing(store(), (ring) => stage(ring ?? first, key, policy, now))),
    );
    const kept = (await store().read())?.keys.map(({ kid }) => kid) ?? [];
    expect(kept.sort()).toEqual([ec, ...keys].map(({ kid }) => kid).sort());
  });

  it('pays no attention to other files, and clears what a killed process left', async () => {
    await store().write(first);
    await mkdir(join(directory, 'lost+found'));
    await writeFile(join(directory, 'README'), 'hello');
    const left = join(directory, '.0b0a2b3c-1111-4222-8333-444455556666.new');
    const fresh = join(directory, '.1b0a2b3c-1111-4222-8333-444455556666.new');
    for (const file of [left, fresh]) await writeFile(file, '{');
    await utimes(left, 1, 1);
    expect((await store().read())?.version).toBe(1);
    await store().write(second);
    expect(await readdir(directory)).toEqual([
      ...['.1b0a2b3c-1111-4222-8333-444455556666.new', 'README', 'lost+found'],
      'ring-00000002.jwks.json',
    ]);
  });

  it.each([0o704, 0o702, 0o777])('is refused when others can use it (mode %o)', async (mode) => {
    await store().write(first);
    await chmod(directory, mode);
    await expect(store().read()).rejects.toThrow(/chmod 700/);
  });

  it('may be shared with a group, as Kubernetes does', async () => {
    await store().write(first);
    await chmod(directory, 0o770);
    expect((await store().read())?.version).toBe(1);
  });

  it.each<[string, (file: string) => Promise<void>, RegExp]>([
    [
      'half-written',
      async (file) => writeFile(file, (await readFile(file, 'utf8')).slice(0, 99)),
      /ring-00000001/,
    ],
    ['empty', (file) => writeFile(file, ''), /is not a key ring/],
    ['open to others', (file) => chmod(file, 0o644), /chmod 600/],
    [
      'a directory',
      (file) =>
        rm(file)
          .then(() => mkdir(file))
          .then(() => {}),
      /not a regular file/,
    ],
  ])('is refused with a ring that is %s, by the name of the file', async (_what, spoil, reason) => {
    await store().write(first);
    await spoil(join(directory, 'ring-00000001.jwks.json'));
    await expect(store().read()).rejects.toThrow(reason);
  });

  it('is refused when it is a file', async () => {
    directory = join(root, 'file');
    await writeFile(directory, '');
    await expect(store().read()).rejects.toThrow(/not a directory/);
    await expect(store().write(first)).rejects.toThrow(KeyError);
  });
});
