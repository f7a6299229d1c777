import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Log } from '../../issuers/log.ts';
import type { Deliverer, Delivery } from './deliver.ts';

export const maxWaiting = 2_048;
const maxBatch = 512;
const everyMs = 5_000;

export interface SpanCounts {
  readonly delivered: number;
  readonly dropped: number;
}

export interface SpanQueue extends SpanProcessor {
  counts(): SpanCounts;
  /** Delivers what waits, within `patience` milliseconds; the rest is dropped. */
  close(patience: number): Promise<void>;
}

export interface SpanQueueDeps {
  readonly deliver: Deliverer['deliver'];
  readonly log: Log;
}

/**
 * Holds ended spans until they are delivered, one batch at a time: every 5 seconds, or when a batch
 * is full. Bounded: while the receiver is down or slow the first ones wait, and those that find no
 * room are dropped and counted.
 */
export function createSpanQueue({ deliver, log }: SpanQueueDeps): SpanQueue {
  const waiting: ReadableSpan[] = [];
  const counts = { delivered: 0, dropped: 0 };
  const closing = new AbortController();
  const report = createReport(log, counts);
  const interval = setInterval(() => void sendAll(), everyMs).unref();
  let sending: Promise<void> | undefined;
  let isTakingThem = true;

  async function sendBatch(): Promise<void> {
    const batch = waiting.slice(0, maxBatch);
    const delivery = await deliver(batch, closing.signal);
    isTakingThem = delivery.outcome === 'taken';
    if (delivery.outcome !== 'later') {
      waiting.splice(0, batch.length);
      const dropped = delivery.outcome === 'taken' ? delivery.rejected : batch.length;
      counts.dropped += dropped;
      counts.delivered += batch.length - dropped;
    }
    report(delivery);
  }

  /** Sends what waits, until the receiver does not take it. */
  async function sendUntilRefused(): Promise<void> {
    do await sendBatch();
    while (waiting.length > 0 && isTakingThem && !closing.signal.aborted);
  }

  function sendAll(): Promise<void> {
    if (waiting.length === 0) return Promise.resolve();
    sending ??= sendUntilRefused().finally(() => {
      sending = undefined;
    });
    return sending;
  }

  return {
    onStart() {},
    onEnd(span) {
      if (waiting.length >= maxWaiting) counts.dropped++;
      else waiting.push(span);
      if (waiting.length >= maxBatch && isTakingThem) void sendAll();
    },
    counts: () => counts,
    forceFlush: sendAll,
    shutdown: async () => {},
    async close(patience) {
      clearInterval(interval);
      const deadline = setTimeout(() => closing.abort(), patience);
      await sending;
      if (!closing.signal.aborted) await sendAll();
      clearTimeout(deadline);
      closing.abort();
      counts.dropped += waiting.length;
      if (waiting.length > 0) log.warn({ spans: waiting.length }, 'spans were never delivered');
      waiting.length = 0;
    },
  };
}

/** Says each thing once: a failure every few seconds must not fill the log. */
function createReport(log: Log, counts: SpanCounts) {
  let last: string | undefined;
  return (delivery: Delivery) => {
    const reason = delivery.outcome === 'taken' ? undefined : delivery.reason;
    if (reason === last) return;
    last = reason;
    const { dropped } = counts;
    if (reason === undefined) log.info({ dropped }, 'spans are delivered again');
    else log.warn({ reason, dropped }, 'spans cannot be delivered');
  };
}
