import { refusalReasons } from '../../exchange/refusals.ts';
import type { Allowed, Decision } from '../../exchange/types.ts';
import type { Instruments, Reading } from './instruments.ts';
import type { MetricObject } from './merge.ts';

export interface DecisionCounts {
  /** Part of every decision: adds to plain numbers, and makes nothing. @param seconds that it took */
  count(gateway: string, decision: Decision, seconds: number): void;
  /** The histogram of the durations. */
  durations(): MetricObject;
}

/** Milliseconds to a tenth of a second for what is decided here; to seconds for what asks others. */
const bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

const kinds: readonly Allowed['credential'][] = [
  'bearer',
  'basic',
  'client_certificate',
  'api_key',
  'anonymous',
];

/** What happened at one gateway; objects, so that counting is one look and one addition. */
interface Outcomes {
  readonly allowed: Readonly<Record<Allowed['credential'], { count: number }>>;
  readonly refused: Readonly<Record<string, { count: number }>>;
}

/**
 * @param gateways that are configured: all their outcomes are there from the start, at 0, because
 *   Prometheus sees no increase in a series that was not there before
 */
export function createDecisionCounts(
  instruments: Instruments,
  gateways: readonly string[],
): DecisionCounts {
  const byGateway = new Map(gateways.map((gateway) => [gateway, noOutcomes()]));
  const inBucket = new Float64Array(bounds.length + 1);
  let sum = 0;
  instruments.counter(
    'countersign_decisions_total',
    'Decisions by gateway; allowed ones by kind of credential, refused ones by reason',
    ['gateway', 'decision', 'credential', 'reason'],
    () => readOutcomes(byGateway),
  );

  return {
    count(gateway, decision, seconds) {
      let outcomes = byGateway.get(gateway);
      if (outcomes === undefined) {
        outcomes = noOutcomes();
        byGateway.set(gateway, outcomes);
      }
      const cell = decision.allowed
        ? outcomes.allowed[decision.credential]
        : outcomes.refused[decision.reason];
      if (cell !== undefined) cell.count++;
      let bucket = 0;
      while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
      inBucket[bucket] = (inBucket[bucket] as number) + 1;
      sum += seconds;
    },
    durations: () => describeDurations([...inBucket], sum),
  };
}

function noOutcomes(): Outcomes {
  const zeros = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, { count: 0 }]));
  return { allowed: zeros(kinds) as Outcomes['allowed'], refused: zeros(refusalReasons) };
}

function* readOutcomes(byGateway: ReadonlyMap<string, Outcomes>): Iterable<Reading> {
  for (const [gateway, { allowed, refused }] of byGateway) {
    for (const [credential, { count }] of Object.entries(allowed)) {
      yield [{ gateway, decision: 'allowed', credential, reason: '' }, count];
    }
    for (const [reason, { count }] of Object.entries(refused)) {
      yield [{ gateway, decision: 'refused', credential: '', reason }, count];
    }
  }
}

const durations = 'countersign_decision_duration_seconds';

/** By hand: the library's histogram can only be filled one value at a time, on the decision path. */
function describeDurations(counts: readonly number[], sum: number): MetricObject {
  let below = 0;
  const buckets = [...bounds, '+Inf'].map((le, at) => {
    below += counts[at] ?? 0;
    return { metricName: `${durations}_bucket`, labels: { le }, value: below };
  });
  return {
    name: durations,
    help: 'Time from the gateway’s question to the answer',
    type: 'histogram',
    aggregator: 'sum',
    values: [
      ...buckets,
      { metricName: `${durations}_sum`, labels: {}, value: sum },
      { metricName: `${durations}_count`, labels: {}, value: below },
    ],
  };
}
