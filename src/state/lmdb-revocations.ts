import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { checkLmdbFile, prepareDirectory } from './directory.ts';
import { readRevocation } from './read-revocation.ts';
import { createRevocationTable, type RevocationTable } from './revocation-table.ts';
import type { Revocation, Revocations } from './revocations.ts';
import type { RuleTableSettings } from './rule-table.ts';
import { StateError } from './state-error.ts';

export interface LmdbRevocationsDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

function fileIn(directory: string): string {
  return join(directory, 'revocations.mdb');
}

/** `until` first, so that what can be forgotten is at the start. */
type Key = [until: number, hash: string];
type Database = RootDatabase<unknown, Key>;

/**
 * Opens the revocations of one process, in an LMDB file below a directory; both are made when they
 * are not there. All entries are in memory too, and lookups only there: they go on when the disk is
 * full, and when it cannot be written at all. Such a disk still serves what it holds.
 *
 * @throws StateError when the directory cannot be used, or holds what this version does not know
 */
export async function openLmdbRevocations(
  directory: string,
  settings: RuleTableSettings,
  deps: LmdbRevocationsDeps,
): Promise<Revocations> {
  await prepareDirectory(directory);
  const path = fileIn(directory);
  await checkLmdbFile(path);
  const database = openDatabase(path, deps);
  const table = createRevocationTable(settings);
  try {
    readAll(database.opened, table);
  } catch (error) {
    await database.opened.close();
    throw error;
  }
  return createLmdbRevocations(database, table, deps);
}

/**
 * Reads what another process keeps, and keeps nothing open.
 *
 * @throws StateError when the directory cannot be used, or holds what this version does not know
 */
export async function readLmdbRevocations(
  directory: string,
  table: RevocationTable,
): Promise<void> {
  const path = fileIn(directory);
  await checkLmdbFile(path);
  let database: Database | undefined;
  try {
    database = open(path, { ...options, readOnly: true });
    readAll(database, table);
  } catch (error) {
    throw error instanceof StateError ? error : stateError(path, error);
  } finally {
    await database?.close();
  }
}

interface OpenDatabase {
  readonly path: string;
  readonly opened: Database;
  readonly readOnly: boolean;
}

const options = {
  encoding: 'json',
  permissionsMode: 0o600,
  // The commit itself waits for the disk. With overlapping syncs `put` resolves after the sync too,
  // but what others see by then may be ahead of the disk, and recovery depends on the boot id.
  overlappingSync: false,
  // Else a failed commit rejects a promise of the library's own that nobody can get hold of.
  eventTurnBatching: false,
} as const;

/** EROFS and EACCES, as LMDB tells them. */
const notWritable: readonly unknown[] = [30, 13];

function openDatabase(path: string, { log }: LmdbRevocationsDeps): OpenDatabase {
  try {
    return { path, opened: open(path, options), readOnly: false };
  } catch (error) {
    if (!notWritable.includes((error as { code?: unknown }).code)) throw stateError(path, error);
  }
  try {
    const opened: Database = open(path, { ...options, readOnly: true });
    log.warn({ file: path }, 'the state cannot be written: nothing can be revoked');
    return { path, opened, readOnly: true };
  } catch (error) {
    throw stateError(path, error);
  }
}

function readAll(database: Database, table: RevocationTable): void {
  for (const { value } of database.getRange()) {
    const entry = readRevocation(value);
    if (entry === undefined) {
      throw new StateError('The state holds a revocation that this version does not know');
    }
    table.add(entry);
  }
}

/** Milliseconds. */
const purgeInterval = 60_000;

function createLmdbRevocations(
  { path, opened, readOnly }: OpenDatabase,
  table: RevocationTable,
  { now, log }: LmdbRevocationsDeps,
): Revocations {
  const listeners: ((entry: Revocation) => void)[] = [];
  let problem = readOnly ? 'cannot be written' : undefined;
  let purging = Promise.resolve();
  const timer = setInterval(() => {
    purging = purging
      .then(() => purge(opened, table, now() / 1000))
      .catch(async (error: unknown) => {
        log.warn(
          { file: path, error: reasonOf(await causeOf(error)) },
          'old revocations cannot be removed',
        );
      });
  }, purgeInterval);
  timer.unref();
  if (readOnly) clearInterval(timer);

  return {
    ...table,
    async revoke(entry) {
      if (readOnly) throw new StateError(`${path}: cannot be written`);
      await keep(opened, entry).catch(async (error: unknown) => {
        const cause = await causeOf(error);
        problem = reasonOf(cause);
        throw stateError(path, cause);
      });
      problem = undefined;
      if (table.add(entry)) for (const listener of listeners) listener(entry);
    },
    onChange(listener) {
      listeners.push(listener);
    },
    status: () => ({ store: 'lmdb', ...table.size(), problem, age: undefined }),
    async close() {
      clearInterval(timer);
      await purging;
      await opened.close();
    },
  };
}

/** Resolves when the entry is on the disk. */
async function keep(database: Database, entry: Revocation): Promise<void> {
  const text = JSON.stringify(entry);
  // Names are longer than a key may be.
  const hash = createHash('sha256').update(text).digest('base64url');
  await database.put([entry.until, hash], entry);
}

const batchSize = 500;

/** Removes what may be forgotten; small batches, so that no revocation waits long for its turn. */
async function purge(database: Database, table: RevocationTable, now: number): Promise<void> {
  for (;;) {
    const end: Key = [now, ''];
    const old = [...database.getRange({ end, limit: batchSize })];
    if (old.length === 0) return;
    await database.batch(() => {
      for (const { key } of old) void database.remove(key);
    });
    for (const { value } of old) {
      const entry = readRevocation(value);
      if (entry !== undefined) table.forget(entry);
    }
  }
}

/** What LMDB says of a commit that failed comes a moment after the failure. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  if (commitError === undefined) return error;
  const patience = new Promise((resolve) => setTimeout(resolve, 100, error).unref());
  return Promise.race([commitError.catch((cause: unknown) => cause), patience]);
}

function stateError(path: string, error: unknown): StateError {
  return new StateError(`${path}: ${reasonOf(error)}`);
}

/** Such as `No space left on device`. */
function reasonOf(error: unknown): string {
  return String((error as Error).message).split(':')[0] ?? '';
}
