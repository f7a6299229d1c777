import { assemble, type Service } from './assemble/assemble.ts';
import { createLasting } from './assemble/lasting.ts';
import { createLastingStores } from './assemble/lasting-stores.ts';
import type { LoadedConfiguration } from './config/load.ts';
import { systemTimers } from './issuers/timers.ts';
import type { KeyEvent } from './keys/key-events.ts';
import { openKeys } from './keys/open-keys.ts';
import { createSteadyClock } from './keys/steady-clock.ts';
import { createDecisionLog, type createLog, describeError } from './ops/log.ts';
import type { Metrics } from './ops/metrics.ts';
import type { StartWait } from './start-wait.ts';
import { openRevocations } from './state/open-revocations.ts';

export interface BuilderDeps {
  readonly log: ReturnType<typeof createLog>;
  readonly metrics: Metrics;
  readonly wait: StartWait;
}

/**
 * @returns what makes the service of one configuration after another; what was learned, and keys and
 *   revocations, pass from each to the next. It throws a ConfigurationError
 */
export function createBuilder({
  log,
  metrics,
  wait: waiting,
}: BuilderDeps): (loaded: LoadedConfiguration) => Promise<Service> {
  const lasting = createLasting(Date.now);
  const now = createSteadyClock({ wall: Date.now, monotonic: () => performance.now() });
  const stores = createLastingStores({
    openRevocations: (settings, rules) =>
      openRevocations(settings, rules, { now: Date.now, log, waiting }),
    openKeys: (settings, onDropped) =>
      openKeys(settings, {
        ...{ now, timers: systemTimers, log, onDropped, waiting },
        onKeyEvent: (event) => logKeyEvent(log, event),
      }),
  });
  return (loaded) => {
    const logDecision = createDecisionLog(log, loaded.configuration.log.decisions);
    return assemble(loaded, {
      now: Date.now,
      log,
      onDecision(gateway, decision, seconds) {
        metrics.countDecision(gateway, decision, seconds);
        logDecision(gateway, decision, seconds);
      },
      onError: (error) => log.error(describeError(error), 'a request failed'),
      ...stores,
      lasting,
    });
  };
}

function logKeyEvent(log: BuilderDeps['log'], { event, ...facts }: KeyEvent): void {
  const fields = { event, ...facts };
  if (event === 'key_store_failed' || event === 'key_dropped') log.warn(fields, keyMessages[event]);
  else log.info(fields, keyMessages[event]);
}

const keyMessages: Readonly<Record<KeyEvent['event'], string>> = {
  key_staged: 'a key is published, and signs later',
  key_active: 'a key signs from now on',
  key_gone: 'a key is not published any more',
  key_dropped: 'a compromised key was dropped',
  key_store_failed: 'keys cannot be read or kept; those in memory go on',
  key_store_recovered: 'keys can be read and kept again',
};
