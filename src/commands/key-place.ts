import { createDirectoryStore } from '../keys/directory-store.ts';
import { KeyError } from '../keys/key-error.ts';
import type { RedisKeySettings } from '../keys/open-redis-keys.ts';
import type { RingStore } from '../keys/ring-store.ts';
import type { RotationPolicy } from '../keys/rotation.ts';
import type { SigningAlgorithm } from '../keys/signer.ts';
import { type CommandIo, type ReadConfiguredKeys, UsageError } from './command.ts';

export interface KeysIo extends CommandIo {
  readonly readConfiguredKeys: ReadConfiguredKeys;
}

export const placeOptions = {
  directory: { type: 'string' },
  config: { type: 'string' },
} as const;

export interface PlaceOptions {
  readonly directory?: string | undefined;
  readonly config?: string | undefined;
}

/** A ring that a command may look at and change. */
export interface KeyPlace {
  /** For people. */
  readonly name: string;
  readonly store: RingStore;
  /** Of new keys; undefined when no configuration was read. */
  readonly algorithm: SigningAlgorithm | undefined;
  /** @param alg of new keys where no configuration names one */
  readonly policyFor: (alg: SigningAlgorithm) => RotationPolicy;
}

const minute = 60_000;
/** The defaults of the configuration, for a directory that was named without one. */
const usual = {
  every: 30 * 24 * 60 * minute,
  publishAhead: 60 * minute,
  jwksMaxAge: 5 * minute,
  tokenLife: 30 * minute,
};

/**
 * @returns the ring in the directory that the user named, or the configuration's
 * @throws UsageError, or KeyError when the configuration names one key and no ring
 */
export async function openRing(options: PlaceOptions, io: KeysIo): Promise<KeyPlace> {
  return openRingAt(await findKeys(options, io), io);
}

/**
 * @param settings where `findKeys` found the keys
 * @throws KeyError when there is no ring
 */
export async function openRingAt(
  settings: Awaited<ReturnType<typeof findKeys>>,
  io: KeysIo,
): Promise<KeyPlace> {
  if ('state' in settings) return openRingInRedis(settings, io);
  if (!('directory' in settings)) {
    throw new KeyError('The configuration has no keys.directory: its keys are elsewhere');
  }
  const { directory, algorithm } = settings;
  return {
    name: directory,
    store: createDirectoryStore(directory),
    algorithm,
    policyFor: (alg) => ('policy' in settings ? settings.policy : { ...usual, algorithm: alg }),
  };
}

async function openRingInRedis(
  settings: RedisKeySettings & { readonly algorithm: SigningAlgorithm },
  { now }: KeysIo,
): Promise<KeyPlace> {
  const { openRedisRing } = await import('../keys/open-redis-keys.ts');
  const { algorithm, policy } = settings;
  const store = await openRedisRing(settings, now);
  return { name: 'Redis', store, algorithm, policyFor: () => policy };
}

/** The key directory that the user named, which has no algorithm, or what the configuration says. */
export async function findKeys({ directory, config }: PlaceOptions, io: KeysIo) {
  if (directory === undefined) {
    const configured = await io.readConfiguredKeys(config);
    if (configured !== undefined) return configured.keys;
    throw new UsageError('There is no configuration file; name the --directory or the --config');
  }
  if (config !== undefined) throw new UsageError('Give --directory or --config, not both');
  return { directory, algorithm: undefined };
}

/** @param at milliseconds since the epoch */
export function writeTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** Columns as wide as their widest cell. */
export function writeTable(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.map((_, column) => column) ?? [];
  const widths = columns.map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}
