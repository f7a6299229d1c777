import type { ConnectionOptions } from 'node:tls';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { RedisSettings, RedisTls } from './redis-settings.ts';

/** Milliseconds within which Redis answers, or counts as down. */
export const patience = 1000;

/**
 * Nothing is queued and nothing is sent twice: who asks learns at once that Redis is down, and
 * knows best what to do then. A connection that says nothing for `patience` is given up.
 */
const common = {
  lazyConnect: true,
  connectTimeout: patience,
  commandTimeout: patience,
  socketTimeout: patience,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  disableClientInfo: true,
  protocol: 2,
  connectionName: 'countersign',
  // A former master, or one whose data set is still being read: look for the master anew.
  reconnectOnError: (error: Error) => /^(READONLY|LOADING|MASTERDOWN)\b/.test(error.message),
} satisfies RedisOptions;

/** Loads ioredis, and makes a client that is not connected yet. */
export async function createRedisClient(settings: RedisSettings): Promise<Redis | Cluster> {
  const { Cluster, Redis } = await import('ioredis');
  const { at } = settings;
  if (at.kind === 'cluster') return new Cluster([...at.nodes], clusterOptions(settings));
  const server = { ...common, ...credentialOptions(settings), db: at.database };
  const always = { enableOfflineQueue: false, retryStrategy: backOff };
  if (at.kind === 'server') return new Redis({ ...server, ...always, ...at.node });
  return new Redis({ ...server, ...always, ...sentinelOptions(at, settings) });
}

function sentinelOptions(
  at: Extract<RedisSettings['at'], { kind: 'sentinel' }>,
  { tls }: RedisSettings,
) {
  return {
    sentinels: [...at.nodes],
    name: at.name,
    sentinelUsername: at.username ?? '',
    sentinelPassword: at.password ?? '',
    sentinelCommandTimeout: patience,
    sentinelRetryStrategy: backOff,
    sentinelReconnectStrategy: backOff,
    // A master that was replaced may live on, and take writes that are going to be lost.
    failoverDetector: true,
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls) }),
  } satisfies RedisOptions;
}

function clusterOptions(settings: RedisSettings) {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: backOff,
    clusterNodeRetryStrategy: backOff,
    slotsRefreshTimeout: patience,
    slotsRefreshInterval: 5 * patience,
    maxRedirections: 5,
    redisOptions: { ...common, ...credentialOptions(settings) },
  } satisfies ClusterOptions;
}

function credentialOptions({ username, password, tls }: RedisSettings) {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: tlsOptions(tls) }),
  };
}

function tlsOptions(tls: RedisTls): ConnectionOptions {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

const longestBackOff = 1000;

/** Milliseconds before the next attempt; spread, so that replicas do not all come at once. */
export function backOff(attempts: number): number {
  const longest = Math.min(longestBackOff, 25 * 2 ** Math.min(attempts, 10));
  return Math.ceil(longest * (0.5 + Math.random() / 2));
}
