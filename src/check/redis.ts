import type { Cluster, Redis } from 'ioredis';
import { readSharedState } from '../assemble/shared-state.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import { createRedisClient } from '../state/redis-client.ts';
import { connectRedis } from '../state/redis-connection.ts';
import { describeRedis, type SharedState } from '../state/redis-settings.ts';
import { StateError } from '../state/state-error.ts';
import type { Row } from './row.ts';

type Verdict = Pick<Row, 'result' | 'why'>;
type Command = readonly [name: string, ...rest: (string | number)[]];

/** Looks whether Redis is there, new enough, keeps what it is given, and allows what is needed. */
export async function checkRedis({ state }: Configuration): Promise<readonly Row[]> {
  // What is wrong with its files is told where everything is built.
  const shared = await readSharedState(state).catch(() => undefined);
  if (shared === undefined) return [];
  const row = { what: 'state.redis', where: describeRedis(shared.redis) };
  try {
    return [{ ...row, ...(await judge(shared)) }];
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return [{ ...row, result: 'warning', why: error.message.replace(`${row.where}: `, '') }];
  }
}

/** @throws StateError when it cannot be reached, or lets nobody in */
async function judge(shared: SharedState): Promise<Verdict> {
  const redis = await connectRedis(shared.redis);
  try {
    await redis.send('HGET', `${shared.prefix}:ring`, 'tag');
    const facts = readFacts(String(await redis.send('INFO').catch(() => '')));
    const problems = [...judgeFacts(facts), ...(await findRefused(shared))];
    const version = facts('redis_version') ?? 'of an unknown version';
    if (problems.length === 0) return { result: 'good', why: `Redis ${version}` };
    return { result: 'warning', why: problems.join('; ') };
  } finally {
    await redis.close();
  }
}

function readFacts(info: string): (name: string) => string | undefined {
  return (name) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

function judgeFacts(facts: (name: string) => string | undefined): string[] {
  const version = facts('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = version !== '' && (major < 6 || (major === 6 && minor < 2));
  const policy = facts('maxmemory_policy') ?? 'noeviction';
  const bounded = facts('maxmemory') !== '0' && policy !== 'noeviction';
  return [
    ...(isOld ? [`is ${version}; at least 6.2 is needed`] : []),
    ...(bounded ? [`may throw keys away (maxmemory-policy ${policy}; noeviction keeps them)`] : []),
  ];
}

function commandsOn(key: string): readonly Command[] {
  return [
    ...([['EVAL', 'return 1', 0], ['TIME'], ['WAIT', 0, 0]] as const),
    ...([
      ['HGET', key, 'f'],
      ['HMGET', key, 'f'],
      ['HGETALL', key],
      ['HEXISTS', key, 'f'],
    ] as const),
    ...([
      ['HSET', key, 'f', 'v'],
      ['HDEL', key, 'f'],
      ['PEXPIRE', key, 1],
    ] as const),
    ...([
      ['SET', key, 'v'],
      ['DEL', key],
    ] as const),
    ...([
      ['XADD', key, '*', 'f', 'v'],
      ['XDEL', key, '0-1'],
      ['XRANGE', key, '-', '+'],
    ] as const),
    ...([
      ['XREVRANGE', key, '+', '-'],
      ['XREAD', 'STREAMS', key, '0'],
    ] as const),
  ];
}

/**
 * Sends each command that is needed within a transaction that is discarded: Redis says at once
 * whether this user may, and runs none of them. A Cluster has no transaction for that.
 */
async function findRefused({ redis, prefix }: SharedState): Promise<string[]> {
  if (redis.at.kind === 'cluster') return [];
  const commands = commandsOn(`${prefix}:check`);
  const client: Redis | Cluster = await createRedisClient(redis);
  client.on('error', () => {});
  try {
    await client.connect();
    // In one write, on one connection: none of them can come without what is around it.
    const pipeline = client.pipeline();
    for (const [name, ...rest] of [['MULTI'], ...commands, ['DISCARD']] as const) {
      pipeline.call(name, ...rest);
    }
    const [began, ...answers] = (await pipeline.exec()) ?? [];
    if (began === undefined || began[0]) return [];
    const refused = commands.filter((_, index) => answers[index]?.[0]);
    const names = refused.map(([name]) => name).join(', ');
    return refused.length === 0 ? [] : [`does not allow this user ${names}`];
  } catch {
    throw new StateError('broke off');
  } finally {
    client.disconnect();
  }
}
