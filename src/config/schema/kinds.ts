/**
 * What a value means, beyond its JSON type. It is the `title` in the JSON Schema and the type in the
 * reference; by it the loader finds file names, and the printer the values to write back.
 */
export const kinds = {
  file: 'file name',
  writtenFile: 'name of a file to write',
  directory: 'directory',
  duration: 'duration',
  milliseconds: 'duration to the millisecond',
  period: 'duration to the millisecond, or `never`',
  size: 'size',
  percentage: 'percentage',
  listener: 'address, or a map',
  cel: 'CEL expression',
  header: 'header name',
  url: 'URL',
  redisUrl: 'Redis URL',
} as const;
