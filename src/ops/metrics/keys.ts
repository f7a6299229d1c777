import type { MetricSources } from '../metrics.ts';
import { type Instruments, inSeconds, single } from './instruments.ts';

/** Tokens, and the keys that sign them. */
export function observeKeys(
  { gauge, counter }: Instruments,
  sources: () => Pick<MetricSources, 'keys' | 'tokens'>,
): void {
  const tokens = () => sources().tokens();
  const keys = () => sources().keys();
  counter('countersign_tokens_reused_total', 'Tokens handed out again', [], () =>
    single(tokens().reused),
  );
  counter('countersign_tokens_signed_total', 'Tokens made', [], () => single(tokens().signed));
  gauge(
    'countersign_tokens_kept',
    'Tokens kept to be handed out again',
    [],
    () => single(tokens().kept),
    'sum',
  );
  gauge(
    'countersign_signing_key_active_timestamp_seconds',
    'Since when the key that signs does so',
    [],
    () => single(inSeconds(keys()?.activeSince)),
  );
  gauge(
    'countersign_signing_key_rotation_timestamp_seconds',
    'When another key signs; nothing when keys are changed by hand',
    [],
    () => single(inSeconds(keys()?.nextRotation)),
  );
  gauge('countersign_key_store_up', 'Whether keys can be read and kept', [], () => {
    const status = keys();
    return single(status && (status.problem === undefined ? 1 : 0));
  });
}
