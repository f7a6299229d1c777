import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { generatePrivateKey } from './generate.ts';
import { readPrivateKey } from './jwk-file.ts';
import { KeyError } from './key-error.ts';
import { readKeyFile } from './key-file.ts';
import type { PrivateKey } from './private-key.ts';
import type { SigningAlgorithm } from './signer.ts';

/** A key of the directory. The one with the highest position is the newest, and signs. */
export interface StoredKey extends PrivateKey {
  readonly position: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What happened to the directory, for the log. */
export interface KeyGenerated {
  readonly event: 'key_generated';
  readonly kid: string;
  readonly alg: SigningAlgorithm;
}

export interface KeyDirectoryDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: (event: KeyGenerated) => void;
}

/** Positions, not times, order the keys: a clock that jumps back must not bring an old key back. */
const fileName = /^([0-9]{8})\.jwk\.json$/;

/**
 * Opens the key directory, makes it (0700) when it is not there, and makes a key when the newest is
 * not one of the configured algorithm. Several processes may do so at once: one makes the key, the
 * others take it.
 *
 * @returns the keys, newest first; at least one
 * @throws KeyError
 */
export async function openKeyDirectory(
  directory: string,
  algorithm: SigningAlgorithm,
  deps: KeyDirectoryDeps,
): Promise<readonly StoredKey[]> {
  await makeKeyDirectory(directory);
  for (;;) {
    const keys = await readKeyDirectory(directory);
    if (keys[0]?.alg === algorithm) return keys;
    const key = await generatePrivateKey(algorithm);
    const stored = { ...key, position: nextPosition(keys), createdAt: deps.now() };
    if (await writeKey(directory, stored)) {
      deps.log({ event: 'key_generated', kid: key.kid, alg: key.alg });
    }
  }
}

/**
 * Adds a key to the directory as its newest.
 *
 * @throws KeyError when the directory cannot be used, or has a key of that name
 */
export async function addKey(
  directory: string,
  key: PrivateKey,
  createdAt: number,
): Promise<StoredKey> {
  await makeKeyDirectory(directory);
  for (;;) {
    const keys = await readKeyDirectory(directory);
    if (keys.some(({ kid }) => kid === key.kid)) {
      throw new KeyError(`The directory already has a key "${key.kid}"`);
    }
    const stored = { ...key, position: nextPosition(keys), createdAt };
    if (await writeKey(directory, stored)) return stored;
  }
}

/**
 * @returns the keys that are in the directory, newest first
 * @throws KeyError when the directory or one of its key files cannot be used
 */
export async function readKeyDirectory(directory: string): Promise<readonly StoredKey[]> {
  await checkDirectory(directory);
  const names = (await readdir(directory)).filter((name) => fileName.test(name));
  return Promise.all(
    names
      .sort()
      .reverse()
      .map((name) => readStoredKey(directory, name)),
  );
}

async function makeKeyDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new KeyError(`${directory}: cannot be made (${codeOf(error)})`);
  }
}

const readableOrWritableForOthers = 0o006;

async function checkDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch((error: unknown) => {
    throw new KeyError(`${directory}: cannot be read (${codeOf(error)})`);
  });
  if (!found.isDirectory()) throw new KeyError(`${directory}: not a directory`);
  if ((found.mode & readableOrWritableForOthers) !== 0) {
    throw new KeyError(`${directory}: others can use this key directory; run chmod 700 on it`);
  }
}

async function readStoredKey(directory: string, name: string): Promise<StoredKey> {
  const path = join(directory, name);
  const { contents, modifiedAt } = await readKeyFile(path);
  const position = Number(fileName.exec(name)?.[1]);
  try {
    const text = contents.toString('utf8');
    const key = readPrivateKey(text);
    const { iat }: { iat?: unknown } = JSON.parse(text);
    return { ...key, position, createdAt: typeof iat === 'number' ? iat * 1000 : modifiedAt };
  } catch (error) {
    throw new KeyError(`${path}: ${(error as Error).message}`);
  }
}

function nextPosition(keys: readonly StoredKey[]): number {
  return (keys[0]?.position ?? 0) + 1;
}

/** @returns whether the key is there now; false when another process took its position first */
async function writeKey(directory: string, stored: StoredKey): Promise<boolean> {
  const name = `${String(stored.position).padStart(8, '0')}.jwk.json`;
  const temporary = join(directory, `.${randomUUID()}.new`);
  await writeDurably(temporary, writeStoredKey(stored));
  try {
    // A link never replaces what is there, as a rename would.
    await link(temporary, join(directory, name));
    await syncDirectory(directory);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new KeyError(`${directory}: the key cannot be kept here (${codeOf(error)})`);
  } finally {
    await unlink(temporary);
  }
}

function writeStoredKey({ key, kid, alg, createdAt }: StoredKey): string {
  const members = key.export({ format: 'jwk' });
  const iat = Math.floor(createdAt / 1000);
  return `${JSON.stringify({ kid, alg, use: 'sig', iat, ...members }, null, 2)}\n`;
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw new KeyError(`${path}: cannot be written (${codeOf(error)})`);
  });
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
