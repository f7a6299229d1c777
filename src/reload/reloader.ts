import type { LoadedConfiguration } from '../config/load.ts';
import { ConfigurationError, writeProblem } from '../config/problems.ts';
import type { Log } from '../issuers/log.ts';
import { describeError } from '../ops/log.ts';
import { createFileTrigger } from './file-trigger.ts';
import { type Reading, readWithFiles } from './read-with-files.ts';
import { RestartNeeded } from './restart-only.ts';

/** How an attempt to take over another configuration ended. */
export interface ReloadOutcome {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly trigger: Trigger;
  readonly result: 'applied' | 'refused' | 'needs_restart';
  /** Why it was refused, or what an operator should know all the same; no secret is in it. */
  readonly reasons: readonly string[];
  /** How many signals had been heard when it began. */
  readonly signals: number;
}

export type Trigger = 'signal' | 'file';

export interface ReloadStatus {
  /** Signals that asked for a reload so far. */
  readonly signals: number;
  readonly last: ReloadOutcome | undefined;
  /** When the configuration that serves took over, milliseconds since the epoch. */
  readonly appliedAt: number;
}

export interface Reloader {
  /** Reads the configuration anew, as soon as there is one that serves. */
  signal(): void;
  /**
   * A configuration serves: others may take over.
   *
   * @param apply tries one and lets it take over. @returns what an operator should know
   * @param reading of the one that serves
   */
  start(apply: (next: LoadedConfiguration) => Promise<readonly string[]>, reading: Reading): void;
  status(): ReloadStatus;
  /** Resolves when nothing runs any more. */
  close(): Promise<void>;
}

export interface ReloaderDeps {
  /** @throws ConfigurationError */
  readonly read: () => LoadedConfiguration;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log & { error(fields: object, message: string): void };
  readonly createTrigger?: typeof createFileTrigger;
}

/** Reloads one at a time: what comes meanwhile is one more, afterwards. */
export function createReloader(deps: ReloaderDeps): Reloader {
  const { read, now, log, createTrigger = createFileTrigger } = deps;
  const files = createTrigger(() => request('file'));
  let apply: Parameters<Reloader['start']>[0] | undefined;
  let known: readonly string[] = [];
  let wanted: Trigger | undefined;
  let running: Promise<void> | undefined;
  let isClosed = false;
  let signals = 0;
  let last: ReloadOutcome | undefined;
  let appliedAt = now();

  function request(trigger: Trigger): void {
    if (wanted !== 'signal') wanted = trigger;
    if (running === undefined && apply !== undefined) {
      running = run(apply).finally(() => {
        running = undefined;
      });
    }
  }

  async function run(take: NonNullable<typeof apply>): Promise<void> {
    while (wanted !== undefined && !isClosed) {
      const begun = { trigger: wanted, signals };
      wanted = undefined;
      const reading = readWithFiles(read, known);
      const ended = await attempt(() => take(reading.configuration()), log);
      if (isClosed) return;
      report({ ...begun, ...ended, at: now() });
      if (ended.result === 'applied') known = reading.files;
      watch(reading);
    }
  }

  /** What serves, and what was refused: putting either right is a change. */
  function watch({ files: named, digests }: Reading): void {
    const all = new Set([...known, ...named]);
    files.watch(new Map([...digests].filter(([file]) => all.has(file))));
  }

  function report(outcome: ReloadOutcome): void {
    const { at, trigger, result, reasons } = outcome;
    if (result === 'applied') {
      appliedAt = at;
      log.info({ trigger, ...(reasons.length > 0 && { warnings: reasons }) }, messages.applied);
    } else if (trigger === 'signal' || !isSame(outcome, last)) {
      log.warn({ trigger, problems: reasons }, messages[result]);
    }
    last = outcome;
  }

  return {
    signal() {
      signals++;
      request('signal');
    },
    start(take, reading) {
      apply = take;
      known = reading.files;
      appliedAt = now();
      watch(reading);
      if (wanted !== undefined) request(wanted);
    },
    status: () => ({ signals, last, appliedAt }),
    async close() {
      isClosed = true;
      files.close();
      await running;
    },
  };
}

const messages = {
  applied: 'another configuration serves from now on',
  refused: 'the configuration cannot be used; the last good one goes on serving',
  needs_restart: 'the configuration needs a restart; the one before goes on serving',
} as const;

function isSame(a: ReloadOutcome, b: ReloadOutcome | undefined): boolean {
  return a.result === b?.result && a.reasons.join('\n') === b.reasons.join('\n');
}

/** Never throws. */
async function attempt(
  take: () => Promise<readonly string[]>,
  log: ReloaderDeps['log'],
): Promise<Pick<ReloadOutcome, 'result' | 'reasons'>> {
  try {
    return { result: 'applied', reasons: await take() };
  } catch (error) {
    if (error instanceof ConfigurationError) {
      const result = error instanceof RestartNeeded ? 'needs_restart' : 'refused';
      return { result, reasons: error.problems.map(writeProblem) };
    }
    log.error(describeError(error), 'a reload failed');
    return { result: 'refused', reasons: ['a mistake of ours; the log says where'] };
  }
}
