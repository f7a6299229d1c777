import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';

/** Somewhere that takes one line after the other. */
export interface LineFile {
  /**
   * The whole line is with the operating system when this returns.
   *
   * @param line ends in a line feed
   * @throws what the system says; a part may be there, and the next line begins anew after it
   */
  write(line: string): void;
  /** The next line goes to whatever has the name then. */
  reopen(): void;
  close(): void;
}

/** Milliseconds between two looks at whether the file still has its name. */
const lookEvery = 1000;

// Without O_NONBLOCK, opening a named pipe waits for a reader.
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/**
 * Appends to a file, made for the owner only when it is not there. When it was renamed or removed it
 * goes on in a new one, so that it can be rotated without a signal.
 *
 * @param now milliseconds, of a clock that only goes forward
 * @throws what opening fails with
 */
export function createLineFile(path: string, now: () => number): LineFile {
  let opened: { readonly descriptor: number; readonly write: (line: string) => void } | undefined;
  let lookedAt = 0;

  function open(): NonNullable<typeof opened> {
    const descriptor = openSync(path, flags, 0o600);
    const write = createLineWriter(descriptor, endsMidLine(path, fstatSync(descriptor)));
    lookedAt = now();
    opened = { descriptor, write };
    return opened;
  }

  function close(): void {
    if (opened !== undefined) closeSync(opened.descriptor);
    opened = undefined;
  }

  open();
  return {
    write(line) {
      if (opened !== undefined && now() - lookedAt >= lookEvery) {
        lookedAt = now();
        if (!isNamed(opened.descriptor, path)) close();
      }
      (opened ?? open()).write(line);
    },
    reopen: close,
    close,
  };
}

/** Appends to an open descriptor, such as standard output, where it stays. */
export function createLineOutput(descriptor: number): LineFile {
  return { write: createLineWriter(descriptor, false), reopen() {}, close() {} };
}

/** @param isTorn whether what is there ends in the middle of a line */
function createLineWriter(descriptor: number, isTorn: boolean): (line: string) => void {
  let torn = isTorn;
  return (line) => {
    const bytes = Buffer.from(torn ? `\n${line}` : line);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(descriptor, bytes, written);
      torn = false;
    } catch (error) {
      torn ||= written > 0;
      throw error;
    }
  };
}

function isNamed(descriptor: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(descriptor);
  return named?.ino === ino && named.dev === dev;
}

/** A disk that was full may have cut off the last line of a process before. */
function endsMidLine(path: string, stats: Stats): boolean {
  if (!stats.isFile() || stats.size === 0) return false;
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    const last = Buffer.alloc(1);
    readSync(descriptor, last, 0, 1, stats.size - 1);
    return last.toString() !== '\n';
  } finally {
    closeSync(descriptor);
  }
}
