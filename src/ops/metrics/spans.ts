import type { MetricSources } from '../metrics.ts';
import { type Instruments, single } from './instruments.ts';

/** Nothing when there are no traces. */
export function observeSpans({ counter }: Instruments, sources: () => MetricSources): void {
  counter('countersign_spans_delivered_total', 'Spans that were delivered', [], () =>
    single(sources().spans?.().delivered),
  );
  counter('countersign_spans_dropped_total', 'Spans that never will be', [], () =>
    single(sources().spans?.().dropped),
  );
}
