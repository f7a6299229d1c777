import type { Configuration } from '../config/schema/configuration.ts';
import type { Row } from './row.ts';

const patience = 2_000;

/** Delivers no spans at all to the receiver: it says whether it takes them. */
export async function checkTraces({ traces }: Configuration): Promise<readonly Row[]> {
  if (traces === undefined) return [];
  const { createDeliverer } = await import('../ops/traces/deliver.ts');
  const deliverer = createDeliverer(traces);
  const late = AbortSignal.timeout(patience);
  const delivery = await deliverer.deliver([], late);
  deliverer.close();
  const row = { what: 'traces.endpoint', where: traces.endpoint };
  if (delivery.outcome === 'taken') return [{ ...row, result: 'good', why: '' }];
  const why = late.aborted ? `no answer within ${patience} ms` : delivery.reason;
  return [{ ...row, result: 'warning', why }];
}
