import type { IssuerKeysState } from '../../issuers/issuer-keys.ts';
import type { MetricSources } from '../metrics.ts';
import { type Instruments, inSeconds, type Reading } from './instruments.ts';

/** Whoever issued the credentials: their keys, and what they say about opaque tokens. */
export function observeIssuers(
  { gauge, counter }: Instruments,
  sources: () => Pick<MetricSources, 'issuers' | 'introspectors' | 'now'>,
): void {
  const each = (value: (state: IssuerKeysState) => number | undefined) => (): Reading[] =>
    sources().issuers.map(({ issuer, state }) => [{ issuer }, value(state())]);
  gauge(
    'countersign_issuer_keys',
    'Keys of an issuer that can be used',
    ['issuer'],
    each((state) => state.usableKeys),
    'min',
  );
  counter(
    'countersign_issuer_fetches_total',
    'Fetches of an issuer’s keys that ended, well or not',
    ['issuer'],
    each((state) => state.loads),
  );
  gauge(
    'countersign_issuer_fetch_failures',
    'Fetches of an issuer’s keys that failed since the last good one',
    ['issuer'],
    each((state) => state.failures),
    'max',
  );
  gauge(
    'countersign_issuer_keys_age_seconds',
    'Since when the keys of an issuer are there',
    ['issuer'],
    each(({ loadedAt }) =>
      inSeconds(loadedAt === undefined ? undefined : sources().now() - loadedAt),
    ),
    'max',
  );
  counter(
    'countersign_issuer_introspections_total',
    'Opaque tokens that an introspection endpoint was to be asked about',
    ['endpoint'],
    () => sources().introspectors.map(({ endpoint, counts }) => [{ endpoint }, counts().asked]),
  );
  counter(
    'countersign_issuer_introspection_failures_total',
    'Those of which it gave no clear answer',
    ['endpoint'],
    () => sources().introspectors.map(({ endpoint, counts }) => [{ endpoint }, counts().failed]),
  );
}
