import { constants, type FileHandle, open } from 'node:fs/promises';
import { KeyError } from './key-error.ts';

export interface KeyFile {
  readonly contents: Buffer;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

const mostBytes = 1024 * 1024;
const forOthers = 0o007;

/**
 * Reads a file that holds a secret: a regular file that others than owner and group cannot touch.
 * What is checked is what is read, because both go through one descriptor.
 *
 * @throws KeyError
 */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const handle = await openToRead(path);
  try {
    const { mode, mtimeMs, size } = await checkedStat(handle, path);
    if ((mode & forOthers) !== 0) {
      throw new KeyError(`${path}: others can use this key file; run chmod 600 on it`);
    }
    if (size > mostBytes) throw new KeyError(`${path}: too large for a key file`);
    return { contents: await handle.readFile(), modifiedAt: mtimeMs };
  } finally {
    await handle.close();
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new KeyError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

async function checkedStat(handle: FileHandle, path: string) {
  const stat = await handle.stat();
  if (!stat.isFile()) throw new KeyError(`${path}: not a regular file`);
  return stat;
}
