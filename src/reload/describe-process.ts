import type { ServiceStatus } from '../assemble/service-status.ts';
import { identifyProcess, type ProcessIdentity } from '../ops/process-identity.ts';
import type { CrewStatus } from '../workers/crew.ts';
import type { Generations } from './generations.ts';
import type { ReloadOutcome, ReloadStatus } from './reloader.ts';

export interface ProcessFacts {
  readonly state: 'starting' | 'ready' | 'stopping';
  /** What it waits for while it starts. */
  readonly waitingFor: string | undefined;
  /** The configuration file, as it was named. */
  readonly file: string;
  /** Undefined for a configuration that cannot be read again. */
  readonly reloads: ReloadStatus | undefined;
  /** Undefined until there is one. */
  readonly serving: Generations | undefined;
  /** Undefined where this process decides by itself. */
  readonly workers?: CrewStatus | undefined;
}

/** What `/readyz?verbose` says: for people, and for `countersign reload`. */
export interface ProcessDescription extends Partial<ServiceStatus> {
  readonly state: ProcessFacts['state'];
  readonly waiting_for: string | null;
  readonly process: ProcessIdentity | null;
  /** Null where this process decides by itself. */
  readonly workers: CrewStatus | null;
  readonly configuration: { readonly file: string; readonly generation: number };
  /** Null for a configuration that cannot be read again. */
  readonly reload: {
    readonly applied_at: string;
    /** SIGHUPs so far. */
    readonly signals: number;
    readonly last: LastReload | null;
  } | null;
}

export interface LastReload extends Pick<ReloadOutcome, 'trigger' | 'result' | 'reasons'> {
  readonly at: string;
  /** SIGHUPs that had come when it began. */
  readonly signals: number;
}

/** @returns what operators should see of a process, without a secret */
export function describeProcess(facts: ProcessFacts): ProcessDescription {
  const { state, waitingFor, file, reloads, serving, workers } = facts;
  return {
    state,
    waiting_for: waitingFor ?? null,
    process: identifyProcess(process.pid) ?? null,
    workers: workers ?? null,
    configuration: { file, generation: serving?.number() ?? 0 },
    reload: reloads === undefined ? null : describeReloads(reloads),
    ...serving?.current().status(),
  };
}

function describeReloads({ appliedAt, signals, last }: ReloadStatus) {
  return {
    applied_at: writeTime(appliedAt),
    signals,
    last: last === undefined ? null : { ...last, at: writeTime(last.at) },
  };
}

function writeTime(at: number): string {
  return new Date(at).toISOString();
}
