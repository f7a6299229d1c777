import { mkdir, open, stat } from 'node:fs/promises';
import { StateError } from './state-error.ts';

/** @returns whether users who are neither the owner nor of the group can read or write it */
export function isOpenToOthers({ mode }: { readonly mode: number }): boolean {
  return (mode & 0o006) !== 0;
}

/**
 * Makes the directory, for the owner only, when it is not there.
 *
 * @throws StateError when it cannot be made or used, or others can use it
 */
export async function prepareDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const found = await stat(directory);
    if (!isOpenToOthers(found)) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StateError(`${directory}: cannot be used (${code})`);
  }
  throw new StateError(`${directory}: others can use this directory; run chmod 700 on it`);
}

/** Of the meta page at the start of an LMDB file, in the byte order of all platforms that have builds. */
const magic = { at: 24, bytes: Buffer.from('dec0efbe', 'hex') };

/**
 * Checks that a file is one of LMDB's, empty or not there: opening another one crashes the process.
 *
 * @throws StateError
 */
export async function checkLmdbFile(path: string): Promise<void> {
  const start = await readStart(path).catch((error: unknown) => {
    throw new StateError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  });
  if (start.length === 0 || start.subarray(magic.at).equals(magic.bytes)) return;
  throw new StateError(`${path}: not a file of this service, or damaged`);
}

/** @returns nothing of a file that is not there */
async function readStart(path: string): Promise<Buffer> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (handle === undefined) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(magic.at + magic.bytes.length));
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
