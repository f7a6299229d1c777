import { z } from 'zod';
import { expects, expectsUnseen } from '../wording.ts';
import { kinds } from './kinds.ts';

const unitMilliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const unitBytes = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;
type TimeUnit = keyof typeof unitMilliseconds;
type SizeUnit = keyof typeof unitBytes;

const durationPattern = /^(\d+(ms|s|m|h|d))+$/;
const durationError = expects('a duration', 'write 30m, 90s or 1h30m');
const writtenDuration = z
  .union([z.string().regex(durationPattern, durationError), z.number().min(0)], durationError)
  .refine((value) => Number.isSafeInteger(readDuration(value)), durationError);

/** A duration; the output is in seconds. */
export const seconds = writtenDuration
  .transform((value) => readDuration(value) / 1000)
  .meta({ title: kinds.duration });

/** A duration; the output is in milliseconds. A plain number in the file is seconds here too. */
export const milliseconds = writtenDuration
  .transform(readDuration)
  .meta({ title: kinds.milliseconds });

const periodError = expects('a duration', 'write 30d, or never');

/** The same, or Infinity where `never` is written. */
export const period = z
  .union(
    [z.literal('never'), z.string().regex(durationPattern, periodError), z.number().min(0)],
    periodError,
  )
  .transform((written) => (written === 'never' ? Number.POSITIVE_INFINITY : readDuration(written)))
  .meta({ title: kinds.period });

/** @returns milliseconds; a number is seconds */
export function readDuration(written: string | number): number {
  if (typeof written === 'number') return written * 1000;
  return [...written.matchAll(/(\d+)(ms|s|m|h|d)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * unitMilliseconds[unit as TimeUnit],
    0,
  );
}

/** @param duration milliseconds */
export function writeDuration(duration: number): string {
  let rest = duration;
  const parts = (['d', 'h', 'm', 's', 'ms'] as const).map((unit) => {
    const count = Math.floor(rest / unitMilliseconds[unit]);
    rest -= count * unitMilliseconds[unit];
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.join('') || '0s';
}

const sizePattern = /^\d+(B|KiB|MiB|GiB)$/;
const sizeError = expects('a size', 'write 64MiB, 512KiB or a number of bytes');

/** A size; the output is in bytes. */
export const bytes = z
  .union([z.string().regex(sizePattern, sizeError), z.int().min(1)], sizeError)
  .transform(readSize)
  .refine((size) => size > 0 && Number.isSafeInteger(size), sizeError)
  .meta({ title: kinds.size });

function readSize(written: string | number): number {
  if (typeof written === 'number') return written;
  const [, count, unit] = /^(\d+)(\w+)$/.exec(written) ?? [];
  return Number(count) * unitBytes[unit as SizeUnit];
}

const percentageError = expects('a percentage from 1% to 99%', 'write 50%');

/** A percentage; the output is a fraction. */
export const percentage = z
  .string(percentageError)
  .regex(/^\d{1,2}(\.\d+)?%$/, percentageError)
  .transform((written) => Number.parseFloat(written) / 100)
  .refine((fraction) => fraction >= 0.01 && fraction <= 0.99, percentageError)
  .meta({ title: kinds.percentage });

/** A file; relative names start at the directory of the configuration file. */
export const fileName = z.string().min(1).meta({ title: kinds.file });

/** Another kind: what is written by the service itself is nothing to read, or to watch. */
export const writtenFileName = z.string().min(1).meta({ title: kinds.writtenFile });

export const directoryName = z.string().min(1).meta({ title: kinds.directory });

export const text = z.string().min(1);

/** A CEL expression; it is compiled and type-checked later. */
export const cel = z.string(expects('a CEL expression', 'write it as text')).min(1).meta({
  title: kinds.cel,
});

/** A secret in the file itself: never shown in a message, masked when printed. */
export const secretText = z
  .string(expectsUnseen('a string', 'write it as text'))
  .min(1)
  .meta({ writeOnly: true });
