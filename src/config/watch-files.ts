import { readFile, stat } from 'node:fs/promises';
import { describeReadFailure } from './files.ts';

/** What a file holds, or why that cannot be said, such as `cannot be read (ENOENT)`. */
export type FileContents = { readonly text: string } | { readonly problem: string };

export interface FileWatcher {
  /**
   * @param onStable told what the file holds: once soon after the start, so that nothing is missed that
   *   changed since it was read first, and then after each change; while it cannot be read, again and
   *   again. Must not throw
   */
  watch(path: string, onStable: (contents: FileContents) => void): void;
  start(): void;
  /** Nobody is told anything after this. */
  close(): void;
}

/** What a watcher asks of a file system. */
export interface WatchedFiles {
  /** @returns what differs when a file is another or holds something else; never throws */
  identify(path: string): Promise<string>;
  read(path: string): Promise<FileContents>;
}

export interface FileWatcherDeps {
  readonly files?: WatchedFiles;
  /** Runs something after so many milliseconds. @returns a function that cancels */
  readonly after?: (ms: number, run: () => void) => () => void;
}

/** A file counts as written when it is the same in two looks: so long it has been left alone. */
const lookEveryMs = 250;

interface Watched {
  readonly path: string;
  readonly onStable: (contents: FileContents) => void;
  /** What the last look saw. */
  seen: string | undefined;
  /** What was told of last. */
  told: string | undefined;
}

/**
 * Looks at files again and again, by name. So it does not matter how a file changes: written in
 * place, replaced, or a symlink on the way to it pointed elsewhere, as Kubernetes does with `..data`;
 * nor whether the file system tells of changes, which those over a network do not.
 */
export function createFileWatcher({
  files = systemFiles,
  after = systemTimer,
}: FileWatcherDeps = {}): FileWatcher {
  const all: Watched[] = [];
  const cancels = new Map<Watched, () => void>();
  let closed = false;

  async function look(watched: Watched): Promise<void> {
    const { path, onStable, seen, told } = watched;
    const now = await files.identify(path);
    watched.seen = now;
    if (now !== seen || now === told) return;
    const contents = await files.read(path);
    // Somebody may have begun to write since: then there will be another look.
    watched.seen = await files.identify(path);
    if (watched.seen !== now || closed) return;
    // What could not be read is tried again, though nothing about the file may change.
    watched.told = 'text' in contents ? now : undefined;
    onStable(contents);
  }

  /** Each file by itself: one on a disk that hangs holds up no other. */
  async function keepLooking(watched: Watched): Promise<void> {
    await look(watched);
    if (!closed)
      cancels.set(
        watched,
        after(lookEveryMs, () => void keepLooking(watched)),
      );
  }

  return {
    watch(path, onStable) {
      all.push({ path, onStable, seen: undefined, told: undefined });
    },
    start() {
      for (const watched of all) void keepLooking(watched);
    },
    close() {
      closed = true;
      for (const cancel of cancels.values()) cancel();
    },
  };
}

const systemFiles: WatchedFiles = {
  async identify(path) {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  },
  async read(path) {
    try {
      return { text: await readFile(path, 'utf8') };
    } catch (error) {
      return { problem: describeReadFailure(error) };
    }
  },
};

/** Does not keep the process alive. */
function systemTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
