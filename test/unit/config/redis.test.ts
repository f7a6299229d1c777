import { describe, expect, it } from '@jest/globals';
import { printConfiguration } from '../../../src/config/print.ts';
import { maskRedisUrl, readRedisUrl } from '../../../src/config/schema/redis.ts';
import { load, problemsOf, withKeys } from './base.ts';

const file = 'encryption_key_file: k';
const withState = (state: string, keys?: string) =>
  withKeys({ state: `{ ${state} }`, ...(keys !== undefined && { keys: `{ ${keys} }` }) });
const messages = (text: string) => problemsOf(text).map(({ key, message }) => `${key}: ${message}`);

describe('state.redis', () => {
  it.each([
    ['redis://redis:6379', { host: 'redis', port: 6379 }, undefined, undefined, false],
    ['redis://redis', { host: 'redis', port: 6379 }, undefined, undefined, false],
    ['rediss://:p%40ss@redis:1/2', { host: 'redis', port: 1 }, 'p@ss', 2, true],
    ['redis://app:x@[fd00::1]:7', { host: 'fd00::1', port: 7 }, 'x', undefined, false],
  ])('may be a URL: %s', (url, node, password, database, tls) => {
    expect(readRedisUrl(url)).toMatchObject({ node, password, database, tls });
  });

  it.each([
    'http://redis',
    'redis:6379',
    'redis://',
    'redis://a b',
    'redis://h/x',
    'redis://h?db=1',
    'redis://u:%zz@h',
  ])('is not %s', (url) => {
    expect(readRedisUrl(url)).toBeUndefined();
  });

  it('is a map with defaults, whichever way it is written', () => {
    const { configuration } = load(withState(`redis: 'redis://redis:6379', ${file}`));
    expect(configuration.state.redis).toEqual({
      url: 'redis://redis:6379',
      prefix: 'countersign',
      wait_for_replicas: 0,
    });
    expect(configuration.state.encryption_key_file).toBe('/etc/countersign/k');
    expect(configuration.keys.directory).toBeUndefined();
  });

  it.each([
    [withState("redis: 'redis://r'"), 'state.redis: needs encryption_key_file'],
    [withState(file), 'state.encryption_key_file: is for redis, which is not given'],
    [withState(`redis: { prefix: a }, ${file}`), 'state.redis: needs url or sentinel or cluster'],
    [
      withState(`redis: { url: 'redis://a', cluster: [a:1] }, ${file}`),
      'state.redis: has url and cluster; keep one',
    ],
    [
      withState(`redis: { cluster: [a] }, ${file}`),
      'state.redis.cluster[0]: "a" is not host:port;',
    ],
    [
      withState(`redis: 'redis://app:hunter2@', ${file}`),
      'state.redis: is not a Redis URL; write redis://host:6379',
    ],
    [
      withState(`redis: { cluster: ['a:1'], wait_for_replicas: 1 }, ${file}`),
      'state.redis.wait_for_replicas: is for one server',
    ],
    [withState('directory: a', 'replicas: own'), 'keys.replicas: needs state.redis'],
    [
      withState(`redis: 'redis://r', ${file}`, 'replicas: own, directory: d'),
      'keys.replicas: is for keys in Redis',
    ],
    [
      withState(`redis: 'redis://r', ${file}`, 'replicas: own, algorithm: HS256'),
      'keys.replicas: is own, but HS256',
    ],
    [
      `${withState(`redis: 'redis://r', ${file}`, 'replicas: own')}\nworkers: 2`,
      'keys.replicas: is own, and workers would each need a key',
    ],
  ])('is refused when it is wrong: %s', (text, message) => {
    expect(messages(text)).toEqual([expect.stringContaining(message)]);
    expect(messages(text).join()).not.toContain('hunter2');
  });

  it('leaves keys in a directory that is named', () => {
    const text = withState(`redis: 'redis://r', ${file}`, 'directory: d');
    expect(load(text).configuration.keys.directory).toBe('/etc/countersign/d');
  });

  it('is printed without its password', () => {
    const { configuration } = load(withState(`redis: 'redis://app:hunter2@redis:6379/1', ${file}`));
    const printed = printConfiguration(configuration);
    expect(printed).toContain('url: redis://app:[redacted]@redis:6379/1');
    expect(printed).not.toContain('hunter2');
    expect(maskRedisUrl('redis://redis:6379')).toBe('redis://redis:6379');
  });
});
