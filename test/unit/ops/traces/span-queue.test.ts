import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Delivery } from '../../../../src/ops/traces/deliver.ts';
import { createSpanQueue } from '../../../../src/ops/traces/span-queue.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const later: Delivery = { outcome: 'later', reason: 'ECONNREFUSED' };
const taken: Delivery = { outcome: 'taken', rejected: 0 };

/** A queue to a receiver that answers when it is told to. */
function setUp() {
  const asked: { readonly size: number; readonly answer: (delivery: Delivery) => void }[] = [];
  const logged: unknown[][] = [];
  const write = (...line: unknown[]) => void logged.push(line);
  const queue = createSpanQueue({
    deliver: (spans, signal) =>
      new Promise((resolve) => {
        asked.push({ size: spans.length, answer: resolve });
        signal.addEventListener('abort', () => resolve(later));
      }),
    log: { info: write, warn: write },
  });
  const end = (count: number) => {
    for (let each = 0; each < count; each++) queue.onEnd({} as ReadableSpan);
  };
  const answer = async (delivery: Delivery) => {
    asked.at(-1)?.answer(delivery);
    await jest.advanceTimersByTimeAsync(0);
  };
  return { queue, asked, logged, end, answer };
}

describe('spans that wait', () => {
  it('are sent after 5 seconds, or as soon as a batch is full', async () => {
    const { asked, end, answer } = setUp();
    end(3);
    await jest.advanceTimersByTimeAsync(4_999);
    expect(asked).toHaveLength(0);
    await jest.advanceTimersByTimeAsync(1);
    expect(asked.map(({ size }) => size)).toEqual([3]);
    await answer(taken);
    end(512);
    expect(asked.map(({ size }) => size)).toEqual([3, 512]);
  });

  it('are bounded while the receiver hangs, and it is asked one thing at a time', async () => {
    const { queue, asked, end, answer } = setUp();
    end(10_000);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(asked.map(({ size }) => size)).toEqual([512]);
    expect(queue.counts()).toEqual({ delivered: 0, dropped: 10_000 - 2_048 });
    for (let batch = 0; batch < 4; batch++) await answer(taken);
    expect(asked.map(({ size }) => size)).toEqual([512, 512, 512, 512]);
    expect(queue.counts()).toEqual({ delivered: 2_048, dropped: 10_000 - 2_048 });
  });

  it('are kept while the receiver is away, which is asked every 5 seconds and told of once', async () => {
    const { queue, asked, logged, end, answer } = setUp();
    end(600);
    for (const _ of Array(3)) {
      await answer(later);
      end(1);
      await jest.advanceTimersByTimeAsync(5_000);
    }
    expect(asked).toHaveLength(4);
    expect(logged).toEqual([[{ reason: 'ECONNREFUSED', dropped: 0 }, 'spans cannot be delivered']]);
    await answer(taken);
    await answer(taken);
    expect(queue.counts()).toEqual({ delivered: 603, dropped: 0 });
    expect(logged[1]).toEqual([{ dropped: 0 }, 'spans are delivered again']);
  });

  it('count as dropped where the receiver leaves them out or takes none', async () => {
    const { queue, end, answer } = setUp();
    end(512);
    await answer({ outcome: 'taken', rejected: 12 });
    end(512);
    await answer({ outcome: 'refused', reason: 'status 400' });
    expect(queue.counts()).toEqual({ delivered: 500, dropped: 524 });
  });

  it('are sent at the end, as far as the time reaches', async () => {
    const { queue, asked, end, answer } = setUp();
    end(1_000);
    const closed = queue.close(2_000);
    await answer(taken);
    expect(asked.map(({ size }) => size)).toEqual([512, 488]);
    await jest.advanceTimersByTimeAsync(2_000);
    await closed;
    expect(queue.counts()).toEqual({ delivered: 512, dropped: 488 });
  });
});
