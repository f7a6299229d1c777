import type { Service } from '../assemble/assemble.ts';
import type { LoadedConfiguration } from '../config/load.ts';
import { type ListenerName, readAllTls, type TlsFiles } from '../listen-tls.ts';
import type { Listener } from '../listeners.ts';
import type { Crew, Served } from '../workers/crew.ts';
import type { Generations } from './generations.ts';
import { refuseRestartOnly } from './restart-only.ts';

/** The configuration that serves, and what the files of its listeners held. */
export interface Running {
  readonly loaded: LoadedConfiguration;
  readonly tls: ReadonlyMap<ListenerName, TlsFiles>;
}

/** One that is made, and can take over in one step. */
export interface Next extends Running {
  readonly service: Service;
}

type Build = (loaded: LoadedConfiguration) => Promise<Service>;

/** @throws ConfigurationError, and then nothing has changed */
export async function makeNext(loaded: LoadedConfiguration, build: Build): Promise<Next> {
  const tls = readAllTls(loaded);
  const service = await build(loaded);
  await service.warm();
  return { loaded, tls, service };
}

export interface Serving {
  readonly generations: Generations;
  readonly listeners: readonly Listener[];
}

/** One step: nothing is awaited, so that no request comes in between. */
export function handOver({ tls, service }: Next, { generations, listeners }: Serving): void {
  generations.replaceBy(service);
  for (const listener of listeners) {
    const files = tls.get(listener.name);
    if (files !== undefined) listener.renew(files);
  }
  void service.start();
}

export interface TakeOverDeps extends Serving {
  /** How far the process is: once it stops, nothing takes over any more. */
  readonly course: { running: Running; readonly state: 'starting' | 'ready' | 'stopping' };
  readonly build: Build;
  readonly reporting: { readonly log: { level: string } };
  /** Undefined where this process decides by itself. */
  readonly crew: Pick<Crew, 'prepare'> | undefined;
}

/**
 * @returns a function that tries a configuration by making everything it describes, and then lets it
 *   take over in one step; it returns what an operator should know all the same. It throws a
 *   ConfigurationError, and then nothing has changed
 */
export function createTakeOver(
  deps: TakeOverDeps,
): (next: LoadedConfiguration) => Promise<readonly string[]> {
  const { course, build, reporting, crew } = deps;
  return async (loaded) => {
    refuseRestartOnly(course.running.loaded.configuration, loaded);
    const next = await makeNext(loaded, build);
    const { service } = next;
    const workers = await crew?.prepare(servedBy(next)).catch(async (error: unknown) => {
      await service.close();
      throw error;
    });
    if (course.state === 'stopping') {
      workers?.abandon();
      await service.close();
      return [];
    }
    workers?.takeOver();
    course.running = next;
    reporting.log.level = loaded.configuration.log.level;
    handOver(next, deps);
    return listMissingKeys(service);
  };
}

/** @returns what workers have to serve when a service of this process does */
export function servedBy({ loaded, service }: Omit<Next, 'tls'>): Served {
  const { ring } = service.keys;
  return { loaded, publishes: (kid) => ring.verificationKey(kid) !== undefined };
}

/** An identity provider that is down is no reason to go on with an older configuration. */
function listMissingKeys(service: Service): string[] {
  return service.status().issuers.flatMap(({ issuer, usable_keys: usable, problem }) => {
    if (problem === null && usable > 0) return [];
    return [`${issuer}: ${problem ?? 'its keys are not there yet'}; usable keys: ${usable}`];
  });
}
