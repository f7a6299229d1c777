import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DeploymentKey } from '../state/deployment-key.ts';
import type { RedisArgument, RedisConnection } from '../state/redis-connection.ts';
import { orUnavailable } from './key-store-unavailable.ts';
import { type PublicKeyEntry, readPublicKeyEntry } from './public-key-entry.ts';

export interface RedisPublicKeysDeps {
  readonly redis: RedisConnection;
  readonly prefix: string;
  readonly deploymentKey: DeploymentKey;
}

/** The public keys of all replicas, in Redis and here. */
export interface RedisPublicKeys {
  /**
   * Reads what the others have written, writes what Redis does not have, and removes what is over.
   *
   * @param own this replica's keys; they win over anything of the same name
   * @param isOver whether an entry can be forgotten
   * @throws KeyStoreUnavailable
   */
  sync(own: readonly PublicKeyEntry[], isOver: (entry: PublicKeyEntry) => boolean): Promise<void>;
  /** All that are known, own and others'; the same array while nothing has changed. */
  all(): readonly PublicKeyEntry[];
}

/** The tag changes with every write, so that reading it shows whether there is anything to read. */
const writeScript = `
local at = 3
for _ = 1, tonumber(ARGV[2]) do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  at = at + 2
end
while ARGV[at] do
  redis.call('HDEL', KEYS[1], ARGV[at])
  at = at + 1
end
redis.call('HSET', KEYS[1], 'tag', ARGV[1])
return 1
`;

const tagSchema = z.string().nullable();
const fieldsSchema = z.array(z.string());
/** Before the name of a key in a field: no key can be called `tag`. */
const keyField = 'key ';

export function createRedisPublicKeys(deps: RedisPublicKeysDeps): RedisPublicKeys {
  const { redis, prefix, deploymentKey } = deps;
  const hash = `${prefix}:public-keys`;
  let entries = new Map<string, PublicKeyEntry>();
  let listed: readonly PublicKeyEntry[] = [];
  /** What Redis held when it was read last, by field; undefined where it cannot be used. */
  let stored = new Map<string, PublicKeyEntry | undefined>();
  let tag: string | undefined;

  async function read(): Promise<void> {
    const current = tagSchema.parse(await orUnavailable(redis.send('HGET', hash, 'tag')));
    if (tag !== undefined && current === tag) return;
    const all = fieldsSchema.parse(await orUnavailable(redis.send('HGETALL', hash)));
    const texts = toMap(all);
    tag = texts.get('tag');
    texts.delete('tag');
    // Most were read before: checking a code and importing a key cost more than a comparison.
    const known = new Map([...entries.values()].map((entry) => [entry.written, entry]));
    const entryOf = (written: string) =>
      known.get(written) ?? readPublicKeyEntry(deploymentKey, written);
    stored = new Map([...texts].map(([field, written]) => [field, entryOf(written)]));
    for (const entry of stored.values()) if (entry !== undefined) keepLonger(entries, entry);
  }

  async function write(missing: readonly PublicKeyEntry[], over: readonly string[]): Promise<void> {
    if (missing.length + over.length === 0) return;
    const next = randomUUID();
    const pairs = missing.flatMap(({ kid, written }): RedisArgument[] => [keyField + kid, written]);
    await orUnavailable(
      redis.send('EVAL', writeScript, 1, hash, next, missing.length, ...pairs, ...over),
    );
    // What another replica wrote in between is under a tag that nobody remembers: read it again.
    tag = undefined;
  }

  return {
    all: () => listed,
    async sync(own, isOver) {
      for (const entry of own) entries.set(entry.kid, entry);
      await read();
      for (const entry of own) entries.set(entry.kid, entry);
      const kept = [...entries.values()].filter((entry) => !isOver(entry));
      entries = new Map(kept.map((entry) => [entry.kid, entry]));
      if (!isSame(kept, listed)) listed = kept;
      const missing = kept.filter(
        ({ kid, written }) => stored.get(keyField + kid)?.written !== written,
      );
      const over = [...stored].filter(([, entry]) => entry !== undefined && isOver(entry));
      await write(
        missing,
        over.map(([field]) => field),
      );
    },
  };
}

function keepLonger(entries: Map<string, PublicKeyEntry>, entry: PublicKeyEntry): void {
  const known = entries.get(entry.kid);
  if (known === undefined || known.until < entry.until) entries.set(entry.kid, entry);
}

function isSame(a: readonly PublicKeyEntry[], b: readonly PublicKeyEntry[]): boolean {
  return a.length === b.length && a.every((entry, at) => entry === b[at]);
}

function toMap(fields: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) map.set(fields[at] ?? '', fields[at + 1] ?? '');
  return map;
}
