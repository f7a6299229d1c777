import { AggregatorRegistry, type Metric, Registry } from 'prom-client';

/** One metric with all its series, as plain data that can go from one process to another. */
export interface MetricObject {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** What it is of several processes. */
  readonly aggregator: string;
  readonly values: readonly {
    /** Of a series that is not called like the metric, as those of a histogram. */
    readonly metricName?: string | undefined;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
  }[];
}

/** @returns the text format of Prometheus, and its media type */
export async function writeMetrics(
  all: readonly MetricObject[],
): Promise<{ readonly type: string; readonly text: string }> {
  const registry = new Registry();
  for (const each of all) {
    registry.registerMetric(Object.assign({ get: () => each }, each) as unknown as Metric);
  }
  return { type: registry.contentType, text: await registry.metrics() };
}

/** @returns the metrics of several processes as those of one; the first decides where one must */
export async function mergeMetrics(
  ofEach: readonly (readonly MetricObject[])[],
): Promise<readonly MetricObject[]> {
  const registry = AggregatorRegistry.aggregate(ofEach as unknown as object[]);
  return (await registry.getMetricsAsJSON()) as unknown as MetricObject[];
}

/** @returns of metrics what has to be told on when their process has ended: it must never seem to shrink */
export function keepCounts(metrics: readonly MetricObject[]): readonly MetricObject[] {
  return metrics.filter(({ type }) => type === 'counter' || type === 'histogram');
}
