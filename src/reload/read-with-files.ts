import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeReadFailure } from '../config/files.ts';
import type { LoadedConfiguration } from '../config/load.ts';
import { listNamedFiles } from '../config/named-files.ts';
import { ConfigurationError } from '../config/problems.ts';
import type { FileContents } from '../config/watch-files.ts';

/** Stands for what a file holds, or for why it cannot be read. */
export type Digest = string;

/** What reading a configuration gave, and what its files held no later than that. */
export interface Reading {
  /** What the configuration is made of, as far as that is known. */
  readonly files: readonly string[];
  readonly digests: ReadonlyMap<string, Digest>;
  /** @throws what reading it failed with */
  readonly configuration: () => LoadedConfiguration;
}

/** @returns the file itself, and those that it names and a reload reads anew */
export function filesOf({ file, configuration }: LoadedConfiguration): string[] {
  return [resolve(file), ...listNamedFiles(configuration)];
}

/** @returns false for one that came through a pipe, as from `--config <(…)`: it can be read once */
export function canBeReadAgain(loaded: LoadedConfiguration): boolean {
  return filesOf(loaded).every(
    (file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? true,
  );
}

/**
 * Reads a configuration. What changes while it is read differs from its digest, so that no change is
 * missed.
 *
 * @param read may throw
 * @param known files that count in any case: it may be one of them that is bad
 */
export function readWithFiles(read: () => LoadedConfiguration, known: readonly string[]): Reading {
  let digests = digestAll(known);
  for (;;) {
    const { files, configuration } = attempt(read);
    const before = digests;
    if (files.every((file) => before.has(file))) return { files, digests, configuration };
    // Another look before it is read once more.
    digests = digestAll([...known, ...files]);
  }
}

function attempt(read: () => LoadedConfiguration) {
  try {
    const loaded = read();
    return { files: filesOf(loaded), configuration: () => loaded };
  } catch (error) {
    const configuration = () => {
      throw error;
    };
    return { files: error instanceof ConfigurationError ? error.files : [], configuration };
  }
}

function digestAll(files: readonly string[]): ReadonlyMap<string, Digest> {
  return new Map(files.map((file) => [file, digestOf(readContents(file))]));
}

function readContents(file: string): FileContents {
  try {
    return { text: readFileSync(file, 'utf8') };
  } catch (error) {
    return { problem: describeReadFailure(error) };
  }
}

export function digestOf(contents: FileContents): Digest {
  if ('problem' in contents) return contents.problem;
  return createHash('sha256').update(contents.text).digest('base64');
}
