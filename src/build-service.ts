import { assemble, type Service } from './assemble/assemble.ts';
import { createLasting } from './assemble/lasting.ts';
import { createLastingStores } from './assemble/lasting-stores.ts';
import type { LoadedConfiguration } from './config/load.ts';
import type { Configuration } from './config/schema/configuration.ts';
import type { DecisionListener, DecisionRecorder } from './gateways/auth-listener.ts';
import { systemTimers } from './issuers/timers.ts';
import type { KeyEvent } from './keys/key-events.ts';
import { openKeys } from './keys/open-keys.ts';
import { createSteadyClock } from './keys/steady-clock.ts';
import { createDecisionLog } from './ops/decision-log.ts';
import { describeError, type Log } from './ops/log.ts';
import type { Metrics } from './ops/metrics.ts';
import type { Traces } from './ops/traces/open-traces.ts';
import type { StartWait } from './start-wait.ts';
import type { openRevocations } from './state/open-revocations.ts';

export interface BuilderDeps {
  readonly logging: Log;
  readonly metrics: Metrics;
  /** Undefined where decisions are not recorded. */
  readonly record: DecisionRecorder | undefined;
  readonly traces: Traces | undefined;
  readonly wait: Pick<StartWait, 'signal' | 'onWaiting'>;
  readonly onKeyEvent: (event: KeyEvent) => void;
  /** Opens what was revoked as this process has to have it. */
  readonly openRevocations: typeof openRevocations;
}

/**
 * @returns what makes the service of one configuration after another; what was learned, and keys and
 *   revocations, pass from each to the next. It throws a ConfigurationError
 */
export function createBuilder({
  logging,
  metrics,
  record,
  traces,
  wait: waiting,
  ...deps
}: BuilderDeps): (loaded: LoadedConfiguration) => Promise<Service> {
  const { logger: log } = logging;
  const outgoing = traces?.outgoing;
  const lasting = createLasting(Date.now);
  const now = createSteadyClock({ wall: Date.now, monotonic: () => performance.now() });
  const stores = createLastingStores({
    openRevocations: (settings, rules) =>
      deps.openRevocations(settings, rules, { now: Date.now, log, waiting }),
    openKeys: (settings, onDropped) =>
      openKeys(settings, {
        ...{ now, timers: systemTimers, log, onDropped, waiting, outgoing },
        onKeyEvent: deps.onKeyEvent,
      }),
  });
  return (loaded) => {
    const { configuration } = loaded;
    const logDecision = createDecisionLog(logging, configuration.log);
    const onDecision: DecisionListener = (gateway, decision, seconds) => {
      metrics.countDecision(gateway, decision, seconds);
      logDecision(gateway, decision, seconds);
    };
    const signing = traceSigning(traces, configuration.keys);
    return assemble(loaded, {
      now: Date.now,
      log,
      onDecision: traces?.decisions(onDecision) ?? onDecision,
      record,
      outgoing,
      ...(signing && {
        watch: (steps) => ({ ...steps, signer: () => signing(steps.signer()) }),
      }),
      onError: (error) => log.error(describeError(error), 'a request failed'),
      ...stores,
      lasting,
    });
  };
}

/** @returns what lays spans around a key that is elsewhere */
function traceSigning(
  traces: Traces | undefined,
  { pkcs11, vault_transit: vault }: Configuration['keys'],
): ReturnType<Traces['signing']> | undefined {
  if (pkcs11) return traces?.signing('pkcs11');
  return vault && traces?.signing('vault_transit');
}

export function logKeyEvent(log: Log['logger'], { event, ...facts }: KeyEvent): void {
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
