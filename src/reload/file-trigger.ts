import { createFileWatcher } from '../config/watch-files.ts';
import { type Digest, digestOf } from './read-with-files.ts';

/** Tells of changes to the files that a configuration was read from. */
export interface FileTrigger {
  /** Watches these files, and no others any more. A file that differs from its digest has changed. */
  watch(digests: ReadonlyMap<string, Digest>): void;
  close(): void;
}

/** @param onChange told once of each change, when the file has been left alone */
export function createFileTrigger(
  onChange: (file: string) => void,
  createWatcher = createFileWatcher,
): FileTrigger {
  let close = (): void => {};
  return {
    watch(digests) {
      close();
      const watcher = createWatcher();
      const known = new Map(digests);
      for (const file of digests.keys()) {
        watcher.watch(file, (contents) => {
          const digest = digestOf(contents);
          if (known.get(file) === digest) return;
          known.set(file, digest);
          onChange(file);
        });
      }
      watcher.start();
      close = watcher.close;
    },
    close: () => close(),
  };
}
