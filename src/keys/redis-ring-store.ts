import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DeploymentKey } from '../state/deployment-key.ts';
import type { RedisConnection } from '../state/redis-connection.ts';
import { KeyError } from './key-error.ts';
import { orUnavailable } from './key-store-unavailable.ts';
import type { Replicas } from './redis-replicas.ts';
import { readRing, writeRing } from './ring-document.ts';
import type { RingStore } from './ring-store.ts';
import type { Ring } from './rotation.ts';

export interface RedisRingStoreDeps {
  readonly redis: RedisConnection;
  readonly prefix: string;
  /** Encrypts the ring: private keys lie in Redis, which others can read and write. */
  readonly deploymentKey: DeploymentKey;
  readonly replicas: Replicas;
}

/** What was read or written: `tag` is the version and something that no other writer can have. */
interface Stored {
  readonly tag: string;
  readonly ring: Ring;
  /** Whether it was encrypted with the key that encrypts now. */
  readonly isCurrent: boolean;
}

/**
 * Writes a version over the one that was read, and over no other. The tag is the fencing token: who
 * was slow, or was cut off from a Redis that has failed over since, does not have the right one.
 */
const writeScript = `
if (redis.call('HGET', KEYS[1], 'tag') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'tag', ARGV[2], 'ring', ARGV[3])
return 1
`;

const answerSchema = z.tuple([z.string().nullable(), z.string().nullable()]);
/** So many earlier versions are known again when a Redis that fell back shows them. */
const mostPassed = 100;

/** Keeps the ring in Redis, for replicas that all sign with one key. */
export function createRedisRingStore(deps: RedisRingStoreDeps): RingStore {
  const { redis, prefix, deploymentKey, replicas } = deps;
  const key = `${prefix}:ring`;
  /** What Redis holds, as far as is known; its tag is empty when it holds nothing. */
  let tag = '';
  let last: Stored | undefined;
  /** Keys that this replica has published ever since it serves anybody. */
  let first: ReadonlySet<string> | undefined;
  const passed = new Set<string>();

  function hold(next: Stored): Ring {
    first ??= new Set(next.ring.keys.map(({ kid }) => kid));
    if (last !== undefined) passed.add(last.tag);
    const [oldest] = passed;
    if (oldest !== undefined && passed.size > mostPassed) passed.delete(oldest);
    last = next;
    tag = next.tag;
    return next.ring;
  }

  async function readNew(): Promise<Ring | undefined> {
    const [stored, sealed] = answerSchema.parse(
      await orUnavailable(redis.send('HMGET', key, 'tag', 'ring')),
    );
    tag = stored ?? '';
    if (stored === null || sealed === null) return undefined;
    // Redis fell back to what this replica has held before: it has nothing to tell.
    if (passed.has(stored)) return undefined;
    return hold(openRing(deps, { stored, sealed }));
  }

  return {
    async read() {
      const stored = await orUnavailable(redis.send('HGET', key, 'tag'));
      if (last !== undefined && stored === last.tag) {
        tag = last.tag;
        if (!last.isCurrent) await seal(last.ring);
        return last.ring;
      }
      return await readNew();
    },
    write: seal,
    async announce(since) {
      const always = [...since].map(([kid, at]) => [kid, first?.has(kid) ? 0 : at] as const);
      await replicas.announce(new Map(always));
    },
    isKnownEverywhere: replicas.isKnownEverywhere,
    async close() {
      await replicas.leave();
      await redis.close();
    },
  };

  async function seal(ring: Ring): Promise<boolean> {
    const next = `${ring.version} ${randomUUID()}`;
    const sealed = deploymentKey.seal(writeRing(ring), contextOf(deps, next));
    const written = await orUnavailable(redis.send('EVAL', writeScript, 1, key, tag, next, sealed));
    if (written !== 1) return false;
    hold({ tag: next, ring, isCurrent: true });
    return true;
  }
}

function contextOf({ prefix }: RedisRingStoreDeps, tag: string): string {
  return `${prefix}:ring ${tag}`;
}

function openRing(
  deps: RedisRingStoreDeps,
  { stored, sealed }: { readonly stored: string; readonly sealed: string },
): Stored {
  const { redis, prefix, deploymentKey } = deps;
  const opened = deploymentKey.open(sealed, contextOf(deps, stored));
  if (opened === undefined) {
    throw new KeyError(
      `${redis.name}: the key ring "${prefix}:ring" was not written with this encryption key; ` +
        'is it the one of the other replicas?',
    );
  }
  try {
    return { tag: stored, ring: readRing(opened.text), isCurrent: opened.isCurrent };
  } catch (error) {
    throw new KeyError(`${redis.name}: the key ring ${(error as Error).message}`);
  }
}
