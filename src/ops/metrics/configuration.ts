import type { MetricSources } from '../metrics.ts';
import { type Instruments, inSeconds, single } from './instruments.ts';

export function observeConfiguration(
  { gauge }: Instruments,
  sources: () => Pick<MetricSources, 'configuration'>,
): void {
  gauge('countersign_config_generation', 'Counts the configurations that served so far', [], () =>
    single(sources().configuration.generation),
  );
  gauge(
    'countersign_config_last_reload_successful',
    'Whether the last reload of the configuration went well',
    [],
    () => single(sources().configuration.isCurrent ? 1 : 0),
  );
  gauge(
    'countersign_config_last_reload_success_timestamp_seconds',
    'When the configuration that serves took over',
    [],
    () => single(inSeconds(sources().configuration.appliedAt)),
  );
}
