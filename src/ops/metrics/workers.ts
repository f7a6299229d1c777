import type { MetricSources } from '../metrics.ts';
import type { Instruments, Reading } from './instruments.ts';

/** The processes that decide; nothing where there is one for everything. */
export function observeWorkers(
  { gauge, counter }: Instruments,
  sources: () => Pick<MetricSources, 'workers'>,
): void {
  const status = () => sources().workers?.();
  gauge(
    'countersign_workers',
    'Workers that serve, and how many should',
    ['state'],
    (): Reading[] => {
      const workers = status();
      if (workers === undefined) return [];
      return [
        [{ state: 'serving' }, workers.serving],
        [{ state: 'configured' }, workers.configured],
      ];
    },
  );
  counter(
    'countersign_workers_lost_total',
    'Workers that ended though nobody told them to',
    [],
    (): Reading[] => {
      const workers = status();
      return workers === undefined ? [] : [[{}, workers.lost]];
    },
  );
}
