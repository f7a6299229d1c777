import type { Cluster, Redis } from 'ioredis';
import { backOff, createRedisClient, patience } from './redis-client.ts';
import { describeRedis, type RedisSettings } from './redis-settings.ts';
import { StateError } from './state-error.ts';

export type RedisArgument = string | number;

/** A connection that comes back by itself after every failure. */
export interface RedisConnection {
  /** For people; no user, no password. */
  readonly name: string;
  /**
   * Sends one command, and never twice.
   *
   * @returns the answer as text, number, null or lists of these
   * @throws StateError when Redis is down, refuses, or does not answer within a second: then it may
   *   have done it all the same
   */
  send(command: string, ...args: RedisArgument[]): Promise<unknown>;
  /** Sends commands together. @throws StateError when any of them fails */
  sendAll(commands: readonly (readonly [string, ...RedisArgument[]])[]): Promise<unknown[]>;
  close(): Promise<void>;
}

/** @returns a connection, once it is made or the first attempt has failed; it goes on trying */
export async function connectRedis(settings: RedisSettings): Promise<RedisConnection> {
  const name = describeRedis(settings);
  const client = await createRedisClient(settings);
  let lost: unknown;
  client.on('error', (error: unknown) => {
    lost = error;
  });
  client.on('ready', () => {
    lost = undefined;
  });
  let isClosed = false;
  let retry: NodeJS.Timeout | undefined;
  // The client gives up for good when a failover meets it while it asks the Sentinels.
  client.on('end', () => {
    if (isClosed) return;
    retry = setTimeout(() => void client.connect().catch(() => {}), backOff(1));
  });
  await within(client.connect(), 2 * patience).catch((error: unknown) => {
    lost ??= error;
  });

  // While there is no connection, why it was lost says more than that a command failed.
  const explain = (error: unknown) =>
    new StateError(`${name}: ${reasonOf(client.status === 'ready' ? error : (lost ?? error))}`);
  return {
    name,
    async send(command, ...args) {
      try {
        return await within(client.call(command, ...args), 2 * patience);
      } catch (error) {
        throw explain(error);
      }
    },
    async sendAll(commands) {
      try {
        return await sendTogether(client, commands);
      } catch (error) {
        throw explain(error);
      }
    },
    async close() {
      isClosed = true;
      clearTimeout(retry);
      client.disconnect();
    },
  };
}

async function sendTogether(
  client: Redis | Cluster,
  commands: readonly (readonly [string, ...RedisArgument[]])[],
): Promise<unknown[]> {
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline.call(name, ...args);
  const results = (await within(pipeline.exec(), 2 * patience)) ?? [];
  return results.map(([error, answer]) => {
    if (error) throw error;
    return answer;
  });
}

/** The client has limits of its own, but not for every state that it can be in. */
async function within<T>(promise: Promise<T>, time: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Command timed out')), time);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** What Redis answers may quote a command, and a command may hold anything: only its kind is told. */
function reasonOf(error: unknown): string {
  const {
    message = '',
    code,
    lastNodeError,
  } = error as NodeJS.ErrnoException & {
    lastNodeError?: Error;
  };
  if (lastNodeError !== undefined) return reasonOf(lastNodeError);
  if (typeof code === 'string') return `cannot be reached (${code})`;
  const [kind] = /^[A-Z]{2,}\b/.exec(message) ?? [];
  if (kind !== undefined) return `refuses (${kind})`;
  if (/time/i.test(message)) return 'does not answer';
  return 'cannot be reached';
}
