import { setTimeout as delay } from 'node:timers/promises';
import type { LoadedConfiguration } from '../config/load.ts';
import { ConfigurationError, problemAt } from '../config/problems.ts';
import { type Address, writeAddress } from '../config/schema/listen.ts';
import type { Listener } from '../listeners.ts';
import { describeError } from '../ops/log.ts';
import { keepCounts, type MetricObject, mergeMetrics } from '../ops/metrics/merge.ts';
import type { Revocation } from '../state/revocations.ts';
import { type Member, startMember } from './member.ts';

/** What serves, and what its tokens are signed with. */
export interface Served {
  readonly loaded: LoadedConfiguration;
  /** Whether others can verify what a key signs. */
  publishes(kid: string): boolean;
}

export interface CrewDeps {
  readonly count: number;
  /** Where they answer gateways. */
  readonly addresses: readonly Address[];
  /** What a worker that starts now has to serve. */
  readonly current: () => Served;
  readonly writeLine: (line: string) => void;
  readonly log: {
    info(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}

export interface CrewStatus {
  readonly configured: number;
  readonly serving: number;
  /** Those that ended though nobody told them to. */
  readonly lost: number;
}

/** What was made everywhere, and can take over in one step. */
export interface Successors {
  takeOver(): void;
  abandon(): void;
}

/** The processes that decide, kept by one that does all else. Gateways reach any of them. */
export interface Crew extends Listener {
  /** Lets each make another service. @throws ConfigurationError when one cannot */
  prepare(next: Served): Promise<Successors>;
  /** Resolves when each that serves knows that something was revoked, or has ended. */
  tellRevoked(entry: Revocation): Promise<void>;
  /** For rotation of the audit file. */
  reopenAudit(): void;
  /** @returns theirs, each by itself; of one that does not answer, and of all that have ended, the last known */
  readMetrics(): Promise<readonly (readonly MetricObject[])[]>;
  status(): CrewStatus;
}

/** Milliseconds: reading 100,000 API keys takes some seconds, on a busy machine more. */
const preparing = 120_000;
/** Milliseconds after which a worker that does not answer is taken for hung, and ended. */
const hung = 30_000;
/** The same where somebody waits for the answer to a revocation. */
const hungWhileRevoking = 10_000;
const pingEvery = 2_000;
const readingMetrics = 1_000;
/** Milliseconds that a worker lasts at least, unless something is wrong with all of them. */
const sound = 60_000;
const longestPause = 30_000;

/** @returns the crew; `open` starts it */
export function createCrew({ count, addresses, current, writeLine, log }: CrewDeps): Crew {
  const members = new Set<Member>();
  const lastMetrics = new Map<Member, readonly MetricObject[]>();
  let departed: readonly MetricObject[] = [];
  let listening: Promise<unknown> = Promise.resolve();
  let isEnding = false;
  let lost = 0;
  const serving = () => [...members].filter(({ isServing }) => isServing);

  function start(): Member {
    const member = startMember(writeLine);
    members.add(member);
    void member.ended.then(async () => {
      members.delete(member);
      member.isServing = false;
      const last = keepCounts(lastMetrics.get(member) ?? []);
      lastMetrics.delete(member);
      departed = await mergeMetrics([departed, last]);
    });
    return member;
  }

  /** A worker has something wrong with it that only its end puts right: another one begins anew. */
  async function askOrEnd(member: Member, ...question: Parameters<Member['ask']>): Promise<void> {
    try {
      await member.ask(...question);
    } catch (error) {
      log.error({ worker: member.pid, ...describeError(error) }, 'a worker does not answer');
      member.end();
    }
  }

  async function makeService(member: Member, { loaded, publishes }: Served): Promise<void> {
    const { configuration, file } = loaded;
    const { kid } = await member.ask('prepare', { configuration, file }, preparing);
    if (await comesTrue(() => publishes(kid))) return;
    // HMAC keys without a name get another one in each process.
    const message = `${kid} signs in a worker and nobody could verify it; with workers, give the key a kid`;
    throw new ConfigurationError([problemAt(loaded, ['keys'], message)]);
  }

  async function enlist(member: Member): Promise<void> {
    const served = current();
    await makeService(member, served);
    if (current().loaded !== served.loaded) throw new Error('another configuration took over');
    member.isServing = true;
    await member.ask('takeOver', undefined, hung);
    // One after the other: each looks whether a socket that is there has somebody behind it.
    const opened = listening.then(() => member.ask('listen', undefined, hung));
    listening = opened.catch(() => {});
    await opened;
  }

  /** Sees to it that there is a worker in this place. */
  async function keep(first: Member): Promise<void> {
    let member = first;
    for (let early = 0; ; ) {
      const since = performance.now();
      const how = await member.ended;
      if (isEnding) return;
      lost++;
      log.error({ worker: member.pid, ...how }, 'a worker ended; another takes its place');
      early = performance.now() - since > sound ? 0 : early + 1;
      await delay(early === 0 ? 0 : Math.min(longestPause, 100 * 2 ** early), undefined, {
        ref: false,
      });
      if (isEnding) return;
      member = start();
      const { pid } = member;
      await enlist(member).then(
        () => log.info({ worker: pid }, 'a worker serves'),
        (error: unknown) => {
          log.error({ worker: pid, ...describeError(error) }, 'a worker cannot start');
          member.end();
        },
      );
    }
  }

  const pings = setInterval(() => {
    for (const member of serving()) void askOrEnd(member, 'ping', undefined, hung);
  }, pingEvery).unref();

  async function endAll(): Promise<void> {
    isEnding = true;
    clearInterval(pings);
    for (const member of members) member.end();
    await Promise.all([...members].map(({ ended }) => ended));
  }

  return {
    name: 'auth',
    at: addresses[0] as Address,
    async open() {
      const first = Array.from({ length: count }, start);
      try {
        await Promise.all(first.map(enlist));
      } catch (error) {
        await endAll();
        throw error;
      }
      for (const member of first) void keep(member);
      log.info({ workers: count, addresses: addresses.map(writeAddress) }, 'workers serve');
    },
    async prepare(next) {
      const ready = serving();
      const abandon = () => {
        for (const member of ready) void askOrEnd(member, 'abandon', undefined, hung);
      };
      const make = async (member: Member) => {
        try {
          await makeService(member, next);
        } catch (error) {
          if (error instanceof ConfigurationError) throw error;
          // The next one in its place begins with what serves then.
          log.error({ worker: member.pid, ...describeError(error) }, 'a worker cannot follow');
          member.end();
        }
      };
      const failed = (await Promise.allSettled(ready.map(make))).find(isRejected);
      if (failed) {
        abandon();
        throw failed.reason;
      }
      return {
        abandon,
        takeOver() {
          for (const member of serving()) {
            if (ready.includes(member)) void askOrEnd(member, 'takeOver', undefined, hung);
            else member.end(); // it came meanwhile, with the configuration before
          }
        },
      };
    },
    async tellRevoked(entry) {
      const patience = hungWhileRevoking;
      for (const member of members) {
        // Those that start learn it in time, before they serve.
        if (!member.isServing) void member.ask('learnRevoked', entry, preparing).catch(() => {});
      }
      await Promise.all(serving().map((each) => askOrEnd(each, 'learnRevoked', entry, patience)));
    },
    reopenAudit() {
      for (const member of serving()) void askOrEnd(member, 'reopenAudit', undefined, hung);
    },
    async readMetrics() {
      const read = async (member: Member) => {
        const metrics = await member
          .ask('readMetrics', undefined, readingMetrics)
          .catch(() => undefined);
        if (metrics !== undefined && members.has(member)) lastMetrics.set(member, metrics);
      };
      await Promise.all(serving().map(read));
      return [departed, ...lastMetrics.values()];
    },
    status: () => ({ configured: count, serving: serving().length, lost }),
    renew() {
      // Workers read the certificates with the configuration.
    },
    drain() {
      for (const member of serving()) void member.ask('drain', undefined, hung).catch(() => {});
    },
    async close(patience) {
      isEnding = true;
      clearInterval(pings);
      const close = async (member: Member) => {
        await member.ask('close', patience, patience + 1_000).catch(() => {});
        member.end();
        await member.ended;
      };
      await Promise.all([...members].map(close));
    },
  };
}

/** Keys may be new: each process looks for them about every second. */
async function comesTrue(holds: () => boolean): Promise<boolean> {
  for (const deadline = performance.now() + 5_000; !holds(); await delay(50)) {
    if (performance.now() > deadline) return false;
  }
  return true;
}

function isRejected(result: PromiseSettledResult<void>): result is PromiseRejectedResult {
  return result.status === 'rejected';
}
