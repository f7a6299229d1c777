import { readFileSync } from 'node:fs';
import { describeReadFailure } from '../config/files.ts';
import type { Path } from '../config/problems.ts';
import type { FileContents, FileWatcher } from '../config/watch-files.ts';
import type { Log } from '../issuers/log.ts';
import type { Findings } from './findings.ts';

/** Files that say who may call: what they say counts as soon as it is written. */
export interface CredentialFiles {
  /**
   * Reads a file now, and again whenever it changes. While it cannot be used, the last good one goes
   * on serving.
   *
   * @param path of the setting that names it, where what is wrong with it now becomes a finding
   * @param make throws an Error that says what is wrong, and quotes nothing of the file
   * @param onChange called once another one serves
   * @returns what serves now; undefined when there is a finding
   */
  follow<T extends object>(
    path: Path,
    file: string,
    make: (text: string) => T,
    onChange?: () => void,
  ): (() => T) | undefined;
  /** @returns how it stands with each file that is followed */
  states(): readonly FileState[];
}

export interface FileState {
  readonly file: string;
  /** Why it cannot be used as it is; undefined when it serves. */
  readonly problem: string | undefined;
  /** Changes since the start: those that serve or served, and those that could not be used. */
  readonly taken: number;
  readonly rejected: number;
}

export interface CredentialFilesDeps {
  readonly watcher: Pick<FileWatcher, 'watch'>;
  readonly log: Log;
  readonly findings: Findings;
}

export function createCredentialFiles({
  watcher,
  log,
  findings,
}: CredentialFilesDeps): CredentialFiles {
  const states: FileState[] = [];
  return {
    states: () => states,
    follow(path, file, make, onChange = () => {}) {
      const first = findings.attempt(path, () => {
        const text = readText(file);
        return { text, value: make(text) };
      });
      if (first === undefined) return undefined;
      let good = first;
      const state = { file, problem: undefined as string | undefined, taken: 0, rejected: 0 };
      states.push(state);

      function replace(text: string): void {
        if (text === good.text) {
          if (state.problem !== undefined) log.info({ file }, 'a file can be used again');
        } else {
          good = { text, value: make(text) };
          state.taken++;
          onChange();
          log.info({ file }, 'a file changed, and counts from now on');
        }
        state.problem = undefined;
      }

      function report(problem: string): void {
        if (problem === state.problem) return;
        state.problem = problem;
        state.rejected++;
        log.warn({ file, problem }, 'a file cannot be used; the last good one goes on serving');
      }

      watcher.watch(file, (contents: FileContents) => {
        if ('problem' in contents) return report(contents.problem);
        try {
          replace(contents.text);
        } catch (error) {
          report((error as Error).message);
        }
      });
      return () => good.value;
    },
  };
}

/** @throws Error such as `cannot be read (ENOENT)` */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} ${describeReadFailure(error)}`);
  }
}
