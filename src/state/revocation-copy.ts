import type { DeploymentKey } from './deployment-key.ts';
import { readRevocation } from './read-revocation.ts';
import {
  beginning,
  type Cursor,
  pageSize,
  type RevocationStream,
  type StreamEntry,
} from './revocation-stream.ts';
import type { RevocationTable } from './revocation-table.ts';
import type { Revocation } from './revocations.ts';
import { StateError } from './state-error.ts';

export interface RevocationCopyDeps {
  readonly stream: RevocationStream;
  readonly table: RevocationTable;
  /** Shows that a replica of this deployment wrote an entry. */
  readonly deploymentKey: DeploymentKey;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onNew: (entry: Revocation) => void;
  /** Of Redis, for messages. */
  readonly name: string;
}

/** Keeps the table in memory as the stream in Redis is, and the stream as complete as the table. */
export interface RevocationCopy {
  /**
   * Takes over what is new. When Redis has lost what this replica has seen, reads all of it anew,
   * and writes back what is missing there.
   *
   * @returns whether it waited because there was nothing new
   * @throws StateError when Redis is down, or holds what cannot be read
   */
  follow(): Promise<boolean>;
  /** Adds what this replica has just written: the stream must show it soon. */
  addOwn(entry: Revocation): void;
  write(entry: Revocation): string;
  /** @returns undefined when no replica of this deployment wrote it */
  read(text: string): Revocation | undefined;
}

const batchSize = 200;

export function createRevocationCopy(deps: RevocationCopyDeps): RevocationCopy {
  const { stream, table, deploymentKey, onNew } = deps;
  /** Undefined when it is not known whether the stream still has what was read. */
  let cursor: Cursor | undefined;
  let last: Cursor | undefined;
  /** Written by this replica, and not seen in the stream yet. */
  const awaited = new Set<string>();

  function add(entry: Revocation): void {
    if (table.add(entry)) onNew(entry);
  }

  const write = (entry: Revocation) => deploymentKey.authenticate(JSON.stringify(entry));

  function read(text: string): Revocation | undefined {
    const authentic = deploymentKey.readAuthentic(text);
    return authentic === undefined ? undefined : readRevocation(parse(authentic));
  }

  /** @returns the entry, or undefined when it cannot be read */
  function take({ text }: StreamEntry): Revocation | undefined {
    const entry = read(text);
    if (entry === undefined) return undefined;
    awaited.delete(keyOf(entry));
    add(entry);
    return entry;
  }

  async function follow(): Promise<boolean> {
    const from = cursor ?? (awaited.size > 0 ? undefined : await findAgain(stream, last));
    cursor = undefined; // until all went well
    if (from === undefined) {
      last = cursor = await readAll();
      return false;
    }
    const due = [...awaited];
    const next = await stream.readAfter(from);
    const isGapless = next.every(({ n }, at) => n === from.n + at + 1);
    const isNothingNew = next.length === 0;
    const isLost = isNothingNew && (due.some(isAwaited) || !(await isEnd(stream, from)));
    if (!isGapless || isLost) {
      last = undefined;
      return false;
    }
    if (next.some((entry) => take(entry) === undefined)) throw unreadable();
    last = cursor = next.at(-1) ?? from;
    return isNothingNew;
  }

  function isAwaited(key: string): boolean {
    return awaited.has(key);
  }

  /** Reads the whole stream, and writes back what only this replica has. */
  async function readAll(): Promise<Cursor> {
    const read = await readPages();
    if (read.missing.length === 0) return read.end;
    if (!(await stream.lock())) throw new StateError(`${deps.name}: another replica restores it`);
    try {
      // What the one before has restored is there now.
      const { end, missing } = await readPages();
      for (let at = 0; at < missing.length; at += batchSize) {
        await stream.append(missing.slice(at, at + batchSize).map(write));
      }
      return end;
    } finally {
      await stream.unlock();
    }
  }

  async function readPages(): Promise<{
    readonly end: Cursor;
    readonly missing: readonly Revocation[];
  }> {
    const missing = new Map([...table.entries()].map((entry) => [keyOf(entry), entry]));
    let end = beginning;
    let isSound = true;
    for (let isLast = false; !isLast; ) {
      const page = await stream.readFrom(end === beginning ? '-' : `(${end.id}`, pageSize);
      for (const each of page) {
        const entry = take(each);
        if (entry === undefined) isSound = false;
        else missing.delete(keyOf(entry));
      }
      end = page.at(-1) ?? end;
      isLast = page.length < pageSize;
    }
    if (!isSound) throw unreadable();
    awaited.clear();
    const lasting = [...missing.values()].filter(({ until }) => until * 1000 > deps.now());
    return { end, missing: lasting };
  }

  function unreadable(): StateError {
    return new StateError(
      `${deps.name}: holds a revocation that was not written with this encryption key, or by ` +
        'another version',
    );
  }

  return {
    follow,
    write,
    read,
    addOwn(entry) {
      // Known already: then it was read before this replica heard that it was written.
      if (!table.add(entry)) return;
      awaited.add(keyOf(entry));
      onNew(entry);
    },
  };
}

/** After a break: a Redis that has the last entry has all before it, because they come in order. */
async function findAgain(
  stream: RevocationStream,
  last: Cursor | undefined,
): Promise<Cursor | undefined> {
  if (last === undefined || last === beginning) return undefined;
  const [found] = await stream.readFrom(last.id, 1);
  return found?.id === last.id && found.n === last.n ? last : undefined;
}

/** @returns false when the stream ends before the cursor: it was wiped, or is an older one */
async function isEnd(stream: RevocationStream, { id }: Cursor): Promise<boolean> {
  const end = await stream.readLast();
  // What came in this moment is read next, and shows by its number whether it fits.
  return !isBefore(end?.id ?? beginning.id, id);
}

function isBefore(a: string, b: string): boolean {
  const [aTime = 0, aCount = 0] = a.split('-').map(Number);
  const [bTime = 0, bCount = 0] = b.split('-').map(Number);
  return aTime < bTime || (aTime === bTime && aCount < bCount);
}

/** What tells entries apart; of two rules with one target each is kept. */
function keyOf(entry: Revocation): string {
  return entry.kind === 'token' ? entry.jti : JSON.stringify(Object.entries(entry).sort());
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
