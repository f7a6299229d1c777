import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isOpenToOthers } from '../state/directory.ts';
import { KeyError } from './key-error.ts';
import { readKeyFile } from './key-file.ts';
import { readRing, writeRing } from './ring-document.ts';
import type { RingStore } from './ring-store.ts';
import type { Ring } from './rotation.ts';

/** The version stands in the name: no two processes can write one version. */
const fileName = /^ring-([0-9]{8})\.jwks\.json$/;

/**
 * Keeps the ring in a directory, for one instance or several on one machine: a file for each
 * version, written beside and linked into place, so that a reader sees a whole one or none. The
 * directory is made (0700) when the first ring is written.
 */
export function createDirectoryStore(directory: string): RingStore {
  let last: { readonly file: string; readonly ring: Ring } | undefined;

  async function readNewest(): Promise<Ring | undefined> {
    const [name] = await listVersions(directory);
    if (name === undefined) return undefined;
    const file = join(directory, name);
    if (last?.file !== file) last = { file, ring: await readFile(file) };
    return last.ring;
  }

  return {
    async read() {
      if (!(await checkDirectory(directory))) return undefined;
      try {
        return await readNewest();
      } catch (error) {
        // Another process may have put a newer version in its place since.
        if (!(error instanceof KeyError) || last === undefined) throw error;
        return await readNewest();
      }
    },
    async write(ring) {
      await makeDirectory(directory);
      if (!(await linkVersion(directory, ring))) return false;
      last = { file: join(directory, nameOf(ring)), ring };
      await removeOlder(directory, ring.version);
      return true;
    },
    async announce() {},
    isKnownEverywhere: () => true,
    async close() {},
  };
}

/** @returns the files of versions, newest first */
async function listVersions(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw new KeyError(`${directory}: cannot be read (${codeOf(error)})`);
  });
  return names
    .filter((name) => fileName.test(name))
    .sort()
    .reverse();
}

async function readFile(file: string): Promise<Ring> {
  const { contents } = await readKeyFile(file);
  try {
    return readRing(contents.toString('utf8'));
  } catch (error) {
    throw new KeyError(`${file}: ${(error as Error).message}`);
  }
}

function nameOf({ version }: Ring): string {
  return `ring-${String(version).padStart(8, '0')}.jwks.json`;
}

/** @returns whether this process wrote the version */
async function linkVersion(directory: string, ring: Ring): Promise<boolean> {
  const temporary = join(directory, `.${randomUUID()}.new`);
  try {
    await writeDurably(temporary, writeRing(ring));
    // A link never replaces what is there, as a rename would.
    await link(temporary, join(directory, nameOf(ring)));
    await syncDirectory(directory);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new KeyError(`${directory}: keys cannot be kept here (${codeOf(error)})`);
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
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

/** Older versions hold private keys that have retired, and leftovers hold any. */
async function removeOlder(directory: string, version: number): Promise<void> {
  const older = (await listVersions(directory)).filter(
    (name) => Number(fileName.exec(name)?.[1]) < version,
  );
  const leftovers = (await readdir(directory)).filter((name) =>
    /^\.[0-9a-f-]{36}\.new$/.test(name),
  );
  await Promise.all(
    [...older, ...(await leftOver(directory, leftovers))].map((name) =>
      unlink(join(directory, name)).catch(() => {}),
    ),
  );
}

const minute = 60_000;

/** A process that was killed leaves its temporary file; one that lives needs it for a moment. */
async function leftOver(directory: string, names: readonly string[]): Promise<string[]> {
  const old = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(directory, name)).catch(() => undefined);
      return found !== undefined && Date.now() - found.mtimeMs > minute ? [name] : [];
    }),
  );
  return old.flat();
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new KeyError(`${directory}: cannot be made (${codeOf(error)})`);
  }
}

/** @returns whether it is there */
async function checkDirectory(directory: string): Promise<boolean> {
  const found = await stat(directory).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new KeyError(`${directory}: cannot be read (${codeOf(error)})`);
  });
  if (found === undefined) return false;
  if (!found.isDirectory()) throw new KeyError(`${directory}: not a directory`);
  if (isOpenToOthers(found)) {
    throw new KeyError(`${directory}: others can use this key directory; run chmod 700 on it`);
  }
  return true;
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
