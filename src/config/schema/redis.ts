import { z } from 'zod';
import type { RedisNode } from '../../state/redis-settings.ts';
import { expects, expectsUnseen } from '../wording.ts';
import { kinds } from './kinds.ts';
import { readAddress } from './listen.ts';
import { exactlyOne } from './rules.ts';
import { fileName, text } from './values.ts';

// Not shown in a message: it may hold a password.
const urlError = expectsUnseen(
  'a Redis URL',
  'write redis://host:6379, or rediss:// for TLS; user:password@ may stand before the host, and /1 after it is a database',
);

/** As `redis-cli -u` takes it. */
const redisUrl = z
  .string(urlError)
  .refine((written) => readRedisUrl(written) !== undefined, urlError)
  .meta({ title: kinds.redisUrl });

const nodeError = expects('host:port', 'write redis-1:6379 or [fd00::1]:6379');
const nodes = z
  .array(z.string(nodeError).refine((written) => readNode(written) !== undefined, nodeError))
  .min(1);

const tlsSchema = z.strictObject({
  ca_file: fileName
    .optional()
    .describe('CA certificates in PEM; those that Node.js knows when absent'),
  cert_file: fileName.optional().describe('Client certificate chain in PEM'),
  key_file: fileName.optional().describe('Private key of the client certificate, in PEM'),
  server_name: text
    .optional()
    .describe('The name in the server’s certificate, when it is not the host'),
});

const redisMap = z
  .strictObject({
    url: redisUrl.optional().describe('One server: `redis://host:6379`, or `rediss://` for TLS'),
    sentinel: z
      .strictObject({
        name: text.describe('The name of the master, as the Sentinels know it'),
        nodes: nodes.describe('`host:port` of the Sentinels'),
        username: text.optional().describe('The user for the Sentinels themselves'),
        password_file: fileName.optional().describe('The password for the Sentinels themselves'),
      })
      .optional()
      .describe('The master that these Sentinels name'),
    cluster: nodes.optional().describe('`host:port` of some nodes of a Redis Cluster'),
    username: text.optional().describe('The user (ACL); that of the URL, or `default`'),
    password_file: fileName.optional().describe('A file with the password'),
    database: z
      .int()
      .min(0)
      .optional()
      .describe('The number of the database; that of the URL, or 0. A Cluster has only 0'),
    tls: z
      .union([z.boolean(), tlsSchema], { error: 'is neither true nor a map' })
      .optional()
      .describe('TLS; a URL with `rediss://` switches it on too'),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._:{}-]{1,64}$/, {
        error: 'is not 1 to 64 letters, digits and . _ : - { }',
      })
      .default('countersign')
      .describe('Begins the name of every key: one for each deployment that shares a Redis'),
    wait_for_replicas: z
      .int()
      .min(0)
      .default(0)
      .describe('So many of Redis’s own replicas must have a revocation before it is acknowledged'),
  })
  .check(exactlyOne('url', 'sentinel', 'cluster'))
  .refine(({ cluster, wait_for_replicas: count }) => cluster === undefined || count === 0, {
    path: ['wait_for_replicas'],
    error: 'is for one server or Sentinel: a Cluster would ask any of its nodes',
  });

/** Redis, as a URL or as a map; the output is the map. */
export const redisSchema = z
  .union([redisUrl, redisMap], urlError)
  .transform((written) =>
    typeof written === 'string' ? redisMap.parse({ url: written }) : written,
  );

export interface ReadRedisUrl {
  readonly node: RedisNode;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number | undefined;
  readonly tls: boolean;
}

/** @returns undefined when it is not a Redis URL */
export function readRedisUrl(written: string): ReadRedisUrl | undefined {
  if (!/^rediss?:\/\/[^/\s?#]+(\/\d{0,4})?$/.test(written) || !URL.canParse(written))
    return undefined;
  const { protocol, hostname, port, username, password, pathname } = new URL(written);
  if (hostname === '') return undefined;
  const database = pathname.slice(1);
  try {
    return {
      node: { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) },
      username: decodeURIComponent(username) || undefined,
      password: decodeURIComponent(password) || undefined,
      database: database === '' ? undefined : Number(database),
      tls: protocol === 'rediss:',
    };
  } catch {
    return undefined; // a bad escape
  }
}

/** @returns the URL without its password */
export function maskRedisUrl(written: string): string {
  return written.replace(/^(rediss?:\/\/[^:@]*):.*@/, '$1:[redacted]@');
}

export function readNode(written: string): RedisNode | undefined {
  const address = readAddress(written);
  return address?.host === undefined ? undefined : { host: address.host, port: address.port };
}
