import type { Service } from '../assemble/assemble.ts';
import type { LoadedConfiguration } from '../config/load.ts';
import { type ListenerName, readAllTls, type TlsFiles } from '../listen-tls.ts';
import type { Listener } from '../listeners.ts';
import type { Generations } from './generations.ts';
import { refuseRestartOnly } from './restart-only.ts';

/** The configuration that serves, and what the files of its listeners held. */
export interface Running {
  readonly loaded: LoadedConfiguration;
  readonly tls: ReadonlyMap<ListenerName, TlsFiles>;
}

export interface TakeOverDeps {
  readonly running: () => Running;
  readonly build: (loaded: LoadedConfiguration) => Promise<Service>;
  readonly generations: Generations;
  readonly listeners: readonly Listener[];
  /** Whether the process was told to stop: then nothing takes over any more. */
  readonly isStopping: () => boolean;
  /** Told in the same step in which the next one takes over. */
  readonly onTakeOver: (next: Running) => void;
}

/**
 * @returns a function that tries a configuration by making everything it describes, and then lets it
 *   take over in one step; it returns what an operator should know all the same. It throws a
 *   ConfigurationError, and then nothing has changed
 */
export function createTakeOver(
  deps: TakeOverDeps,
): (next: LoadedConfiguration) => Promise<readonly string[]> {
  const { running, build, generations, listeners, isStopping, onTakeOver } = deps;
  return async (loaded) => {
    refuseRestartOnly(running().loaded.configuration, loaded);
    const tls = readAllTls(loaded);
    const service = await build(loaded);
    await service.warm();
    if (isStopping()) {
      await service.close();
      return [];
    }
    // One step: nothing is awaited from here on, so that no request comes in between.
    generations.replaceBy(service);
    for (const listener of listeners) {
      const files = tls.get(listener.name);
      if (files !== undefined) listener.renew(files);
    }
    onTakeOver({ loaded, tls });
    void service.start();
    return listMissingKeys(service);
  };
}

/** An identity provider that is down is no reason to go on with an older configuration. */
function listMissingKeys(service: Service): string[] {
  return service.status().issuers.flatMap(({ issuer, usable_keys: usable, problem }) => {
    if (problem === null && usable > 0) return [];
    return [`${issuer}: ${problem ?? 'its keys are not there yet'}; usable keys: ${usable}`];
  });
}
