import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { RedisConnection } from '../state/redis-connection.ts';
import { orUnavailable } from './key-store-unavailable.ts';

/** What the replicas know of one another: who is there, and which keys each publishes. */
export interface Replicas {
  /**
   * Tells what this one publishes, and hears what the others do.
   *
   * @param since when each key was first published here, milliseconds since the epoch, by key id
   * @throws KeyStoreUnavailable
   */
  announce(since: ReadonlyMap<string, number>): Promise<void>;
  /** @returns whether every replica published a key `for` milliseconds ago, as heard last */
  isKnownEverywhere(kid: string, forAtLeast: number): boolean;
  /** Milliseconds for which nothing has come between this replica and the others. */
  unbrokenFor(): number;
  /** Takes this replica off the list. Never throws. */
  leave(): Promise<void>;
}

export interface ReplicasDeps {
  readonly redis: RedisConnection;
  readonly prefix: string;
  /** Milliseconds after which a replica that says nothing counts as gone. */
  readonly aliveFor: number;
  /** Milliseconds since the epoch; see `createSteadyClock`. */
  readonly now: () => number;
}

/**
 * One field for each replica, with the time when it ends by Redis's own clock: those of replicas
 * may differ. It answers whether this one was still on the list, and the list.
 */
const announceScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HEXISTS', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], (now + ARGV[3]) .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local all = redis.call('HGETALL', KEYS[1])
local published = {}
for at = 1, #all, 2 do
  local ends, text = string.match(all[at + 1], '^(%d+) (.*)$')
  if ends and tonumber(ends) > now then
    table.insert(published, text)
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
return { known, published }
`;

const answerSchema = z.tuple([z.number(), z.array(z.string())]);
/** Milliseconds that each key has been published by a replica, by key id. */
const publishedSchema = z.record(z.string(), z.number());
type Published = z.output<typeof publishedSchema>;

/** After a break the others may still be on their way back. */
const timeToComeBack = 5000;
/** What was heard longer ago is hearsay. */
const longestSilence = 5000;

export function createReplicas({ redis, prefix, aliveFor, now }: ReplicasDeps): Replicas {
  const id = randomUUID();
  const key = `${prefix}:replicas`;
  let heard: readonly Published[] = [];
  let heardAt = Number.NEGATIVE_INFINITY;
  let unbrokenSince: number | undefined;
  let left = false;

  const unbrokenFor = () =>
    unbrokenSince === undefined || now() - heardAt > longestSilence ? 0 : now() - unbrokenSince;

  async function announce(since: ReadonlyMap<string, number>): Promise<void> {
    if (left) return;
    const at = now();
    const entries = [...since].map(([kid, first]) => [kid, Math.max(0, at - first)]);
    const text = JSON.stringify(Object.fromEntries(entries));
    const sent = redis.send('EVAL', announceScript, 1, key, id, text, aliveFor);
    const answer = await orUnavailable(sent).catch((error: unknown) => {
      unbrokenSince = undefined;
      throw error;
    });
    const [wasKnown, published] = answerSchema.parse(answer);
    // Silence, or a list that was lost: others may be there and not on it.
    if (wasKnown === 0 || unbrokenFor() === 0) unbrokenSince = at;
    heard = published.map(readPublished);
    heardAt = at;
  }

  return {
    announce,
    unbrokenFor,
    isKnownEverywhere(kid, forAtLeast) {
      if (unbrokenFor() < forAtLeast + timeToComeBack) return false;
      return heard.every((published) => (published[kid] ?? -1) >= forAtLeast);
    },
    async leave() {
      left = true;
      await redis.send('HDEL', key, id).catch(() => {});
    },
  };
}

/** What cannot be read publishes nothing: a replica of another version, until it is gone. */
function readPublished(text: string): Published {
  try {
    return publishedSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
