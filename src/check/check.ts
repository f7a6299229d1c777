import type { LoadedConfiguration } from '../config/load.ts';
import { checkDirectories } from './directories.ts';
import { checkFiles } from './files.ts';
import { checkIntrospection } from './introspection.ts';
import { checkListenerTls } from './listener-tls.ts';
import { checkListeners } from './listeners.ts';
import { tryParts } from './parts.ts';
import { checkRedis } from './redis.ts';
import type { Row } from './row.ts';
import { checkTraces } from './traces.ts';

export interface Checked {
  readonly rows: readonly Row[];
  /** The configuration itself cannot be used. */
  readonly isUnusable: boolean;
}

/**
 * Tries everything that serving would need, all at the same time, and changes nothing. Whatever asks
 * another party has a limit of a few seconds of its own.
 *
 * @param now milliseconds since the epoch
 */
export async function checkEverything(loaded: LoadedConfiguration, now: number): Promise<Checked> {
  const { configuration } = loaded;
  const [parts, ...others] = await Promise.all([
    tryParts(loaded),
    checkListeners(configuration.listen),
    checkListenerTls(loaded, now),
    checkFiles(configuration),
    checkDirectories(configuration),
    checkRedis(configuration),
    checkIntrospection(configuration),
    checkTraces(configuration),
  ]);
  // What is wrong with a file that was read says more than that it is there.
  const told = new Set(parts.rows.map(({ what }) => what));
  const rows = others.flat().filter(({ what }) => !told.has(what));
  return { rows: [...parts.rows, ...rows], isUnusable: parts.isUnusable };
}
