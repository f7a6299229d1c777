import { stringify } from 'yaml';
import type { Configuration } from './schema/configuration.ts';
import { kinds } from './schema/kinds.ts';
import { type Address, writeAddress } from './schema/listen.ts';
import { maskRedisUrl } from './schema/redis.ts';
import { writeDuration } from './schema/values.ts';
import { listRows, visitValues } from './table.ts';

const writers: Readonly<Record<string, (value: unknown) => unknown>> = {
  [kinds.duration]: (seconds) => writeDuration(Number(seconds) * 1000),
  [kinds.milliseconds]: (milliseconds) => writeDuration(Number(milliseconds)),
  [kinds.period]: (milliseconds) =>
    Number.isFinite(milliseconds) ? writeDuration(Number(milliseconds)) : 'never',
  [kinds.percentage]: (fraction) => `${Number((Number(fraction) * 100).toFixed(6))}%`,
  [kinds.redisUrl]: (url) => maskRedisUrl(String(url)),
  [kinds.listener]: (listener) => {
    const { tls, ...address } = listener as Address & { tls?: object };
    return tls ? { address: writeAddress(address), tls } : writeAddress(address);
  },
};

/** @returns the effective configuration as YAML that could be read again, but for masked secrets */
export function printConfiguration(configuration: Configuration): string {
  const copy = structuredClone(configuration);
  for (const { steps, schema } of listRows()) {
    const writer = schema.writeOnly ? () => '[redacted]' : writers[schema.title ?? ''];
    if (!writer) continue;
    visitValues(copy, steps, (holder, key) => {
      // Its file says where it came from.
      if (schema.writeOnly && holder[`${key}_file`] !== undefined) delete holder[key];
      else holder[key] = writer(holder[key]);
    });
  }
  const { callers, ...rest } = copy;
  const { secrets: _, ...shown } = callers ?? { secrets: [] };
  return stringify(callers ? { ...rest, callers: shown } : rest, { aliasDuplicateObjects: false });
}
