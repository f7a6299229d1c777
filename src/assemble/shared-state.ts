import { readFile } from 'node:fs/promises';
import type { Configuration } from '../config/schema/configuration.ts';
import { readNode, readRedisUrl } from '../config/schema/redis.ts';
import { KeyError } from '../keys/key-error.ts';
import { readKeyFile } from '../keys/key-file.ts';
import type { RedisRevocationsSettings } from '../state/redis-revocations.ts';
import type { RedisNode, RedisSettings, RedisTls, SharedState } from '../state/redis-settings.ts';

type State = Configuration['state'];
type Redis = NonNullable<State['redis']>;

/**
 * @returns what several replicas share, with the secrets that its files hold; undefined without Redis
 * @throws KeyError when a file cannot be read or used
 */
export async function readSharedState(state: State): Promise<SharedState | undefined> {
  const { redis, encryption_key_file, previous_encryption_key_file } = state;
  if (redis === undefined) return undefined;
  const keyFiles = [encryption_key_file, previous_encryption_key_file].filter(
    (file) => file !== undefined,
  );
  return {
    redis: await readRedisSettings(redis),
    prefix: redis.prefix,
    encryptionKeys: await Promise.all(keyFiles.map(readEncryptionKey)),
    waitForReplicas: redis.wait_for_replicas,
  };
}

/** @throws KeyError when a file cannot be read or used */
export async function sharedRevocations({
  state,
}: Configuration): Promise<RedisRevocationsSettings | undefined> {
  const shared = await readSharedState(state);
  return shared && { state: shared, whenUnavailable: state.when_unavailable };
}

async function readRedisSettings(redis: Redis): Promise<RedisSettings> {
  const url = redis.url === undefined ? undefined : readRedisUrl(redis.url);
  return {
    at: await readPlace(redis, url),
    username: redis.username ?? url?.username,
    password: (await readSecret(redis.password_file)) ?? url?.password,
    tls: await readTls(redis.tls ?? url?.tls),
  };
}

async function readPlace(
  { sentinel, cluster, database }: Redis,
  url: ReturnType<typeof readRedisUrl>,
): Promise<RedisSettings['at']> {
  if (cluster !== undefined) return { kind: 'cluster', nodes: readNodes(cluster) };
  if (sentinel !== undefined) {
    const { name, nodes, username, password_file } = sentinel;
    const password = await readSecret(password_file);
    const master = { name, nodes: readNodes(nodes), username, password };
    return { kind: 'sentinel', ...master, database: database ?? 0 };
  }
  const node = url?.node ?? { host: '', port: 0 };
  return { kind: 'server', node, database: database ?? url?.database ?? 0 };
}

function readNodes(written: readonly string[]): RedisNode[] {
  return written.map(readNode).filter((node) => node !== undefined);
}

async function readTls(tls: Redis['tls']): Promise<RedisTls | undefined> {
  if (tls === undefined || tls === false) return undefined;
  const { ca_file, cert_file, key_file, server_name: servername } = tls === true ? {} : tls;
  const [ca, cert, key] = await Promise.all([ca_file, cert_file, key_file].map(readText));
  return { ca, cert, key, servername };
}

async function readSecret(file: string | undefined): Promise<string | undefined> {
  const text = (await readText(file))?.replace(/\r?\n$/, '');
  if (text === '') throw new KeyError(`${file}: is empty`);
  return text;
}

async function readText(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new KeyError(`${file}: cannot be read (${error.code})`);
  });
}

const keyBytes = 32;

async function readEncryptionKey(file: string): Promise<Uint8Array> {
  const { contents } = await readKeyFile(file);
  const text = contents.toString('utf8').trim();
  const isHex = /^[0-9a-f]{64}$/i.test(text);
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text);
  const key = Buffer.from(text, isHex ? 'hex' : 'base64');
  if ((!isHex && !isBase64) || key.length !== keyBytes) {
    throw new KeyError(
      `${file}: is not 32 bytes in base64 or hex; \`openssl rand -base64 32\` makes them`,
    );
  }
  if (new Set(key).size < keyBytes / 4) throw new KeyError(`${file}: holds no random key`);
  return key;
}
