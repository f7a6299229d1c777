import { setTimeout as delay } from 'node:timers/promises';
import { createDeploymentKey } from './deployment-key.ts';
import { connectRedis } from './redis-connection.ts';
import type { SharedState } from './redis-settings.ts';
import { createRevocationCopy, type RevocationCopy } from './revocation-copy.ts';
import { createRevocationStream, longestBlock } from './revocation-stream.ts';
import { createRevocationSweeper } from './revocation-sweeper.ts';
import { createRevocationTable } from './revocation-table.ts';
import type { Revocation, Revocations } from './revocations.ts';
import type { RuleTableSettings } from './rule-table.ts';
import { StateError } from './state-error.ts';

export interface RedisRevocationsSettings {
  readonly state: SharedState;
  /** What lookups say while Redis is down: that nobody knows, or what was known last. */
  readonly whenUnavailable: 'refuse' | 'answer';
}

export interface RedisRevocationsDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  readonly waiting: {
    readonly signal: AbortSignal;
    readonly onWaiting: (reason: string) => void;
  };
}

/** Milliseconds. A revocation that another replica made is known here after that. */
const freshFor = 1000;
const retryEvery = 250;

/**
 * Opens the revocations of all replicas: a stream in Redis, and a copy of it here. Waits until it
 * has been read once.
 *
 * @throws an AbortError when told to stop waiting
 */
export async function openRedisRevocations(
  { state, whenUnavailable }: RedisRevocationsSettings,
  rules: RuleTableSettings,
  deps: RedisRevocationsDeps,
): Promise<Revocations> {
  const { now, log, waiting } = deps;
  const [redis, reader] = [await connectRedis(state.redis), await connectRedis(state.redis)];
  const { prefix, waitForReplicas } = state;
  const key = `${prefix}:revocations`;
  const stream = createRevocationStream({ redis, reader, key, waitForReplicas });
  const table = createRevocationTable(rules);
  const deploymentKey = createDeploymentKey(state.encryptionKeys, key);
  const listeners: ((entry: Revocation) => void)[] = [];
  const onNew = (entry: Revocation) => {
    for (const listener of listeners) listener(entry);
  };
  const copy = createRevocationCopy({ stream, table, deploymentKey, now, onNew, name: redis.name });
  const follower = createFollower(copy, { log, answers: whenUnavailable === 'answer' });
  const close = async () => {
    await Promise.all([redis.close(), reader.close()]);
  };
  try {
    while (!(await follower.step())) {
      waiting.onWaiting(follower.problem() ?? '');
      await delay(retryEvery, undefined, { signal: waiting.signal });
    }
  } catch (error) {
    await close();
    throw error;
  }
  follower.start();
  const sweeper = createRevocationSweeper({ stream, table, copy, now });
  sweeper.start();
  return {
    ...table,
    isRevoked(token) {
      if (table.isRevoked(token)) return true;
      return whenUnavailable === 'answer' || follower.isFresh() ? false : 'unavailable';
    },
    async revoke(entry) {
      await stream.append([copy.write(entry)]);
      copy.addOwn(entry);
    },
    onChange(listener) {
      listeners.push(listener);
    },
    problem: follower.problem,
    async close() {
      sweeper.stop();
      follower.stop();
      await close();
    },
  };
}

interface Follower {
  /** Reads on, or anew when something is missing. @returns whether that went well */
  step(): Promise<boolean>;
  start(): void;
  stop(): void;
  isFresh(): boolean;
  problem(): string | undefined;
}

function createFollower(
  copy: RevocationCopy,
  { log, answers }: Pick<RedisRevocationsDeps, 'log'> & { readonly answers: boolean },
): Follower {
  let problem: string | undefined;
  let freshAt = Number.NEGATIVE_INFINITY;
  let stopped = false;

  async function step(): Promise<boolean> {
    const sent = performance.now();
    try {
      const waited = await copy.follow();
      // As it was when Redis answered: an answer may lie unread in a process that was held up.
      freshAt = Math.min(performance.now(), waited ? sent + longestBlock : sent);
      if (problem !== undefined) log.info({}, 'revocations can be read again');
      problem = undefined;
      return true;
    } catch (error) {
      const found = error instanceof StateError ? error.message : 'unexpected';
      if (!stopped && problem !== found) {
        const then = answers ? 'those known here answer' : 'introspection refuses to answer';
        log.warn({ problem: found }, `revocations cannot be read: ${then}`);
      }
      problem = found;
      return false;
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      if (!(await step())) await delay(retryEvery);
    }
  }

  return {
    step,
    start: () => void run(),
    stop() {
      stopped = true;
    },
    isFresh: () => performance.now() - freshAt < freshFor,
    problem: () => problem,
  };
}
