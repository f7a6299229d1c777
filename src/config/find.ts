import { existsSync } from 'node:fs';
import type { Environment } from './environment.ts';
import { type LoadedConfiguration, readConfigurationFile } from './load.ts';
import { ConfigurationError } from './problems.ts';

const usualFile = 'countersign.yaml';

/** @returns the file that was named, else that of `COUNTERSIGN_CONFIG`, else the usual one if it is there */
export function configurationFile(named: string | undefined, env: Environment): string | undefined {
  return named ?? env['COUNTERSIGN_CONFIG'] ?? (existsSync(usualFile) ? usualFile : undefined);
}

/**
 * Reads the configuration that applies. No file is an error, and never a default.
 *
 * @throws ConfigurationError
 */
export function findConfiguration(
  named: string | undefined,
  env: Environment,
): LoadedConfiguration {
  const file = configurationFile(named, env);
  if (file !== undefined) return readConfigurationFile(file, env);
  const message =
    'there is no such file; name one with --config or COUNTERSIGN_CONFIG, or try `serve --dev`';
  const nowhere = { line: undefined, column: undefined, key: '' };
  throw new ConfigurationError([{ file: usualFile, ...nowhere, message }]);
}
