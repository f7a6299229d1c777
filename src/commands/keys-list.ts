import { parseArgs } from 'node:util';
import { KeyError } from '../keys/key-error.ts';
import { readKeyRing } from '../keys/open-keys.ts';
import type { RingKey } from '../keys/rotation.ts';
import { type ExitCode, exitCodes } from './command.ts';
import {
  findKeys,
  type KeysIo,
  openRingAt,
  type PlaceOptions,
  placeOptions,
  writeTable,
  writeTime,
} from './key-place.ts';

export async function listKeys(args: readonly string[], io: KeysIo): Promise<ExitCode> {
  const { values } = parseArgs({ args: [...args], options: placeOptions });
  const rows = await readRows(values, io);
  io.stdout.write(writeTable([['kid', 'alg', 'state', 'since', 'until'], ...rows]));
  return exitCodes.yes;
}

async function readRows(options: PlaceOptions, io: KeysIo): Promise<string[][]> {
  const settings = await findKeys(options, io);
  const isElsewhere = !('directory' in settings || 'state' in settings);
  if (isElsewhere) return readElsewhere(settings);
  const { name, store } = await openRingAt(settings, io);
  try {
    const ring = await store.read();
    if (ring === undefined) throw new KeyError(`${name}: there are no keys`);
    return ring.keys.map(describe);
  } finally {
    await store.close();
  }
}

/** Keys of the configuration, an HSM or Vault; these are opened as for serving. */
async function readElsewhere(settings: Parameters<typeof readKeyRing>[0]): Promise<string[][]> {
  const { signer, publicKeys, close } = await readKeyRing(settings);
  close?.();
  const others = publicKeys.filter(({ kid }) => kid !== signer.kid).reverse();
  return [
    [signer.kid, signer.alg, 'active', '-', '-'],
    ...others.map(({ kid, alg }) => [String(kid), String(alg), 'published', '-', '-']),
  ];
}

function describe({ kid, alg, state, since, until }: RingKey): string[] {
  return [kid, alg, state, writeTime(since), state === 'active' ? '-' : writeTime(until)];
}
