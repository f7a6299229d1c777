import { existsSync } from 'node:fs';
import type { Environment } from './environment.ts';
import { type LoadedConfiguration, readConfigurationFile } from './load.ts';
import { ConfigurationError } from './problems.ts';

export const usualFile = 'countersign.yaml';

/**
 * Finds the configuration: the file that was named, else that of `COUNTERSIGN_CONFIG`, else the
 * usual one. No file is an error, and never a default.
 *
 * @throws ConfigurationError
 */
export function findConfiguration(
  named: string | undefined,
  env: Environment,
): LoadedConfiguration {
  const file = named ?? env['COUNTERSIGN_CONFIG'] ?? usualFile;
  if (named === undefined && env['COUNTERSIGN_CONFIG'] === undefined && !existsSync(usualFile)) {
    const message =
      'there is no such file; name one with --config or COUNTERSIGN_CONFIG, or try `serve --dev`';
    throw new ConfigurationError([{ file, line: undefined, column: undefined, key: '', message }]);
  }
  return readConfigurationFile(file, env);
}
