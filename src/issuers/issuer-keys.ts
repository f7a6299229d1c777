import { LRUCache } from 'lru-cache';
import type { IssuerKey, IssuerKeys } from '../exchange/types.ts';
import { createHeldKeys } from './held-keys.ts';
import { createJwksSource, type JwksSourceSettings } from './jwks-source.ts';
import type { KeySet } from './key-set.ts';
import type { Log } from './log.ts';
import { maxKidLength, secretMaterial } from './public-jwk.ts';
import { createRefresher, type LoadOutcome } from './refresher.ts';
import { systemTimers, type Timers } from './timers.ts';

const unknownForMs = 2 * 60_000;
const maxUnknownKids = 1_000;

export interface IssuerKeysSettings extends JwksSourceSettings {
  /** Called when other keys are usable than before: what was verified with the old ones is void. */
  readonly onChange: () => void;
  readonly log: Log;
  readonly timers?: Timers;
}

export interface IssuerKeysState {
  readonly usableKeys: number;
  /** Loads that ended, well or not. */
  readonly loads: number;
  /** Milliseconds, by the clock that was handed in; undefined while there is no set. */
  readonly loadedAt: number | undefined;
  /** Loads that failed since the last good one, and why the last of them did. */
  readonly failures: number;
  readonly lastFailure: string | undefined;
}

export interface RefreshedIssuerKeys extends IssuerKeys {
  readonly issuer: string;
  /** Loads the keys for the first time. @returns when that succeeded or failed; never throws */
  start(): Promise<void>;
  /** Stops refreshing; the keys that are there go on serving. */
  close(): void;
  state(): IssuerKeysState;
}

/**
 * The keys of one trusted issuer, fetched from its JWKS endpoint and refreshed in the background. A
 * key that the issuer removed is refused from the next refresh on. While the issuer cannot be reached
 * the last good set serves, for a day at most. An unknown key id causes a fetch at most every
 * 30 seconds, and the same one at most every 2 minutes. `now` measures durations only.
 */
export function createIssuerKeys(settings: IssuerKeysSettings): RefreshedIssuerKeys {
  const { issuer, algorithms, now, log } = settings;
  const fetchKeys = createJwksSource(settings);
  const held = createHeldKeys(settings);
  const unknownKids = new LRUCache<string, number>({ max: maxUnknownKids });
  const report = createReport(issuer, log);
  const refresher = createRefresher({ load, now, timers: settings.timers ?? systemTimers });

  let loads = 0;

  async function load(): Promise<LoadOutcome> {
    const loaded = await fetchKeys();
    loads++;
    if (loaded.ok) {
      held.replace(loaded.set);
      report.loaded(loaded.set);
      return loaded;
    }
    const usable = held.current() === undefined ? 'nothing' : 'something';
    report.failed(loaded.reason, usable);
    return { ok: false, usable };
  }

  function isWorthAsking(alg: string, kid: string | undefined): kid is string {
    if (kid === undefined || kid.length > maxKidLength || !algorithms.includes(alg)) return false;
    const asked = unknownKids.get(kid);
    if (asked !== undefined && Math.abs(now() - asked) < unknownForMs) return false;
    return !held.current()?.knows(kid) && refresher.mayRefresh();
  }

  function findNow(alg: string, kid: string | undefined): IssuerKey {
    const set = held.current();
    return set === undefined ? 'issuer_unavailable' : (set.find(alg, kid) ?? 'unknown_key');
  }

  async function findAfterRefresh(alg: string, kid: string | undefined): Promise<IssuerKey> {
    const loaded = await refresher.refresh();
    const key = findNow(alg, kid);
    if (loaded && key === 'unknown_key' && kid !== undefined) unknownKids.set(kid, now());
    return key;
  }

  return {
    issuer,
    find({ alg, kid }) {
      const key = findNow(alg, kid);
      const canWait =
        key === 'unknown_key'
          ? isWorthAsking(alg, kid)
          : key === 'issuer_unavailable' && !refresher.isPausing();
      return canWait ? findAfterRefresh(alg, kid) : key;
    },
    async start() {
      await refresher.refresh();
    },
    close: refresher.close,
    state: () => ({
      usableKeys: held.current()?.size ?? 0,
      loads,
      loadedAt: held.loadedAt(),
      failures: refresher.failures(),
      lastFailure: report.lastFailure(),
    }),
  };
}

/** Says each thing once: a failure every minute must not fill the log. */
function createReport(issuer: string, log: Log) {
  let lastFailure: string | undefined;
  let lastKeys: string | undefined;
  return {
    lastFailure: () => lastFailure,
    failed(reason: string, usable: 'something' | 'nothing') {
      if (reason !== lastFailure) {
        log.warn({ issuer, reason, usable }, 'the keys of an issuer cannot be fetched');
      }
      lastFailure = reason;
    },
    loaded({ size, skipped, fingerprint }: KeySet) {
      if (lastFailure !== undefined) log.info({ issuer }, 'the keys of an issuer are there again');
      lastFailure = undefined;
      const keys = [fingerprint, ...skipped].join('\n');
      if (keys === lastKeys) return;
      lastKeys = keys;
      const isOdd = size === 0 || skipped.some((reason) => reason.endsWith(secretMaterial));
      log[isOdd ? 'warn' : 'info'](
        { issuer, usable: size, skipped },
        'the keys of an issuer changed',
      );
    },
  };
}
