import type { RedisConnection } from './redis-connection.ts';
import { StateError } from './state-error.ts';

/** One entry of the stream; `n` counts them without a gap, whatever time it is where. */
export interface StreamEntry {
  readonly id: string;
  readonly n: number;
  readonly text: string;
}

/** Where a reader is. */
export type Cursor = Pick<StreamEntry, 'id' | 'n'>;

export const beginning: Cursor = { id: '0-0', n: 0 };

/** Redis's stream of revocations; nothing is ever changed in it, only added and, when over, removed. */
export interface RevocationStream {
  /** @throws StateError when they are not there, or not in as many of Redis's replicas as asked */
  append(texts: readonly string[]): Promise<void>;
  /** Waits a moment for what came after the cursor. @throws StateError */
  readAfter(cursor: Cursor): Promise<readonly StreamEntry[]>;
  /** @returns so many from an id on, itself too */
  readFrom(id: string, count: number): Promise<readonly StreamEntry[]>;
  /** @returns the newest */
  readLast(): Promise<StreamEntry | undefined>;
  remove(ids: readonly string[]): Promise<void>;
  /** @returns whether this replica may write much back now, so that not all do it at once */
  lock(): Promise<boolean>;
  unlock(): Promise<void>;
}

/** Milliseconds that `readAfter` waits. */
export const longestBlock = 250;
export const pageSize = 1000;

const appendScript = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local n = last and tonumber(last[2][2]) or 0
for _, text in ipairs(ARGV) do
  n = n + 1
  redis.call('XADD', KEYS[1], '*', 'n', n, 'entry', text)
end
return n
`;

/** By hand: there may be a million, and a schema takes ten times as long. */
function readEntries(answer: unknown): StreamEntry[] | undefined {
  if (!Array.isArray(answer)) return undefined;
  const entries: StreamEntry[] = [];
  for (const each of answer) {
    const [id, fields] = each as readonly [string, readonly string[]];
    const n = Number(fields[1]);
    const text = fields[3];
    if (fields[0] !== 'n' || !Number.isInteger(n) || text === undefined) return undefined;
    entries.push({ id, n, text });
  }
  return entries;
}

/** Of several streams: here, of the one that was asked for. */
function readStreams(answer: unknown): StreamEntry[] | undefined {
  return answer === null ? [] : readEntries((answer as [[string, unknown]])[0]?.[1]);
}

export interface RevocationStreamDeps {
  readonly redis: RedisConnection;
  /** Waits on its own, so that nobody else waits behind it. */
  readonly reader: RedisConnection;
  readonly key: string;
  readonly waitForReplicas: number;
}

export function createRevocationStream(deps: RevocationStreamDeps): RevocationStream {
  const { redis, reader, key } = deps;
  function understand(entries: StreamEntry[] | undefined): readonly StreamEntry[] {
    if (entries !== undefined) return entries;
    throw new StateError(`${redis.name}: "${key}" is not a stream of revocations`);
  }
  return {
    append: (texts) => append(deps, texts),
    async readAfter({ id }) {
      const wait = ['BLOCK', longestBlock] as const;
      const answer = await reader.send('XREAD', 'COUNT', pageSize, ...wait, 'STREAMS', key, id);
      return understand(readStreams(answer));
    },
    async readFrom(id, count) {
      const answer = await reader.send('XRANGE', key, id, '+', 'COUNT', count);
      return understand(readEntries(answer));
    },
    async readLast() {
      const answer = await reader.send('XREVRANGE', key, '+', '-', 'COUNT', 1);
      return understand(readEntries(answer))[0];
    },
    async remove(ids) {
      if (ids.length > 0) await redis.send('XDEL', key, ...ids);
    },
    async lock() {
      return (await redis.send('SET', `${key}:lock`, '1', 'NX', 'PX', longestLock)) !== null;
    },
    async unlock() {
      await redis.send('DEL', `${key}:lock`);
    },
  };
}

/** Milliseconds; when it is over, the worst is that an entry is written twice. */
const longestLock = 10_000;
/** Milliseconds that Redis's replicas may take. */
const replicaPatience = 800;

async function append(
  { redis, key, waitForReplicas }: RevocationStreamDeps,
  texts: readonly string[],
): Promise<void> {
  const write = ['EVAL', appendScript, 1, key, ...texts] as const;
  if (waitForReplicas === 0) {
    await redis.send(...write);
    return;
  }
  // On one connection: it waits for what was written there.
  const [, have] = await redis.sendAll([write, ['WAIT', waitForReplicas, replicaPatience]]);
  if (Number(have) < waitForReplicas) {
    throw new StateError(`${redis.name}: ${have} of its replicas have it in time`);
  }
}
