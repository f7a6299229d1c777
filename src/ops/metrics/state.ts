import type { MetricSources } from '../metrics.ts';
import { type Instruments, inSeconds, single } from './instruments.ts';

/** What was revoked, and what clients ask and revoke on the public listener. */
export function observeState(
  { gauge, counter }: Instruments,
  sources: () => Pick<MetricSources, 'revocations' | 'publicCounts'>,
): void {
  gauge('countersign_revocations', 'Revocations that are held', ['kind'], () => {
    const { tokens, rules } = sources().revocations();
    return [
      [{ kind: 'token' }, tokens],
      [{ kind: 'rule' }, rules],
    ];
  });
  gauge(
    'countersign_revocation_store_up',
    'Whether revocations can be read and kept',
    ['store'],
    () => {
      const { store, problem } = sources().revocations();
      return [[{ store }, problem === undefined ? 1 : 0]];
    },
  );
  gauge(
    'countersign_revocations_age_seconds',
    'Since when nothing was heard of Redis, where others revoke too',
    [],
    () => single(inSeconds(sources().revocations().age)),
  );
  counter(
    'countersign_public_responses_total',
    'Answers of the public listener',
    ['endpoint', 'status'],
    () => sources().publicCounts.responses(),
  );
  counter(
    'countersign_introspections_total',
    'Tokens that clients asked about at /introspect, by the answer',
    ['active'],
    () => {
      const { active, inactive } = sources().publicCounts.introspections();
      return [
        [{ active: 'true' }, active],
        [{ active: 'false' }, inactive],
      ];
    },
  );
}
