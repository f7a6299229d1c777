import { createBuilder } from '../build-service.ts';
import type { LoadedConfiguration } from '../config/load.ts';
import { shareCores } from '../exchange/thread-pool.ts';
import { systemTimers } from '../issuers/timers.ts';
import { createDecisionListeners, type Listener } from '../listeners.ts';
import { openReporting, type Reporting } from '../open-reporting.ts';
import { readCertificates } from '../ops/certificates.ts';
import type { MetricObject } from '../ops/metrics/merge.ts';
import { createGenerations, type Generations } from '../reload/generations.ts';
import { handOver, makeNext, type Next } from '../reload/take-over.ts';
import { createMirroredRevocations } from '../state/mirrored-revocations.ts';
import { openRevocations, revocationPlace } from '../state/open-revocations.ts';
import type { Revocation } from '../state/revocations.ts';

/** What a worker is asked for, in order: each at once, but for what can take time. */
export type WorkerActions = {
  /** Makes the service of a configuration. @returns the key that it signs with */
  prepare(sent: SentConfiguration): Promise<{ readonly kid: string }>;
  /** Gives up what was prepared. */
  abandon(): Promise<void>;
  /** Lets what was prepared answer from now on. */
  takeOver(): Promise<void>;
  listen(): Promise<void>;
  learnRevoked(entry: Revocation): Promise<void>;
  reopenAudit(): void;
  readMetrics(): Promise<readonly MetricObject[]>;
  ping(): void;
  drain(): void;
  /** @param patience milliseconds that calls in flight may take */
  close(patience: number): Promise<void>;
};

export type SentConfiguration = Pick<LoadedConfiguration, 'configuration' | 'file'>;

/** What there is once the first configuration has come. */
interface Equipment {
  readonly reporting: Reporting;
  readonly build: ReturnType<typeof createBuilder>;
}

/** Decides for gateways, and does nothing else: what it is told to do, and no more. */
export function createWorker(): WorkerActions {
  const mirrored = createMirroredRevocations(Date.now);
  let equipment: Equipment | undefined;
  let isServing = false;
  let next: Next | undefined;
  let running: Next | undefined;
  let generations: Generations | undefined;
  let listeners: readonly Listener[] = [];

  async function equip(loaded: LoadedConfiguration): Promise<Equipment> {
    shareCores(loaded.configuration.workers);
    const reporting = await openReporting(loaded, () => isServing);
    const { logging, metrics, audit, traces } = reporting;
    const build = createBuilder({
      ...{ logging, metrics, traces },
      record: audit?.record,
      // The process that keeps this one waits, and starts no worker meanwhile.
      wait: { signal: new AbortController().signal, onWaiting() {} },
      // It also tells of them, once.
      onKeyEvent() {},
      openRevocations: (settings, rules, deps) =>
        revocationPlace(settings) === 'directory'
          ? mirrored.open(settings.directory, rules)
          : openRevocations(settings, rules, deps),
    });
    return { reporting, build };
  }

  return {
    async prepare(sent) {
      // Where something stands in the file, the other process knows.
      const loaded = { ...sent, where: () => undefined };
      equipment ??= await equip(loaded);
      next = await makeNext(loaded, equipment.build);
      return { kid: next.service.keys.ring.signer.kid };
    },
    async abandon() {
      const abandoned = next;
      next = undefined;
      await abandoned?.service.close();
    },
    async takeOver() {
      if (next === undefined || equipment === undefined) throw new Error('nothing was prepared');
      const taking = next;
      next = undefined;
      running = taking;
      equipment.reporting.log.level = taking.loaded.configuration.log.level;
      if (generations !== undefined) return handOver(taking, { generations, listeners });
      await begin(taking, equipment.reporting);
    },
    async listen() {
      for (const listener of listeners) await listener.open();
      isServing = true;
    },
    learnRevoked: mirrored.learn,
    reopenAudit: () => equipment?.reporting.audit?.reopen(),
    readMetrics: async () => (await equipment?.reporting.metrics.read()) ?? [],
    ping() {},
    drain() {
      isServing = false;
      for (const listener of listeners) listener.drain();
    },
    async close(patience) {
      const closing = performance.now();
      await Promise.all(listeners.map((listener) => listener.close(patience)));
      const left = closing + patience - performance.now();
      await equipment?.reporting.traces?.close(Math.max(0, left));
      await generations?.close();
      equipment?.reporting.audit?.close();
    },
  };

  async function begin(first: Next, { metrics, audit, traces }: Reporting): Promise<void> {
    const begun = createGenerations(first.service, systemTimers);
    generations = begun;
    const { listen } = first.loaded.configuration;
    listeners = await createDecisionListeners(listen, begun, {
      isServing: () => isServing,
      traces,
    });
    metrics.observe(() => ({
      ...begun.current().sources,
      audit: audit?.status,
      spans: traces?.counts,
      certificates: readCertificates(running?.tls ?? []),
      configuration: { generation: begun.number(), appliedAt: 0, isCurrent: true },
    }));
    await first.service.start();
  }
}
