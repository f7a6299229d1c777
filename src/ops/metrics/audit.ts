import type { MetricSources } from '../metrics.ts';
import type { Instruments } from './instruments.ts';

/** Records of decisions; nothing when they are off. */
export function observeAudit(
  { gauge, counter }: Instruments,
  sources: () => Pick<MetricSources, 'audit'>,
): void {
  const audit = () => sources().audit?.();
  gauge(
    'countersign_audit_up',
    'Whether the last decision could be recorded',
    [],
    () => {
      const status = audit();
      return status ? [[{}, status.problem === undefined ? 1 : 0]] : [];
    },
    'min',
  );
  counter(
    'countersign_audit_records_total',
    'Decisions that were to be recorded, by whether they were',
    ['result'],
    () => {
      const status = audit();
      if (status === undefined) return [];
      return [
        [{ result: 'written' }, status.written],
        [{ result: 'failed' }, status.failed],
      ];
    },
  );
}
