import type { MetricSources } from '../metrics.ts';
import { type Instruments, inSeconds, type Reading } from './instruments.ts';

/** Files that may change while the service runs, and certificates that end. */
export function observeFiles(
  { gauge, counter }: Instruments,
  sources: () => Pick<MetricSources, 'files' | 'certificates'>,
): void {
  gauge(
    'countersign_credential_file_usable',
    'Whether a file that says who may call can be used as it is; 0 while the last good one serves',
    ['file'],
    () =>
      sources()
        .files()
        .map(({ file, problem }) => [{ file }, problem === undefined ? 1 : 0]),
    'min',
  );
  counter(
    'countersign_credential_file_reloads_total',
    'Changes of such a file, by whether it could be used',
    ['file', 'result'],
    () =>
      sources()
        .files()
        .flatMap(({ file, taken, rejected }): Reading[] => [
          [{ file, result: 'taken' }, taken],
          [{ file, result: 'rejected' }, rejected],
        ]),
    // Every process reads the same files.
    'first',
  );
  gauge(
    'countersign_certificate_expiry_timestamp_seconds',
    'When the certificate of a listener ends',
    ['listener'],
    () =>
      sources().certificates.map(({ listener, expiresAt }) => [{ listener }, inSeconds(expiresAt)]),
  );
}
