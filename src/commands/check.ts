import { parseArgs } from 'node:util';
import { tryConfiguration } from '../assemble/try.ts';
import type { Environment } from '../config/environment.ts';
import { findConfiguration } from '../config/find.ts';
import { printConfiguration } from '../config/print.ts';
import { type CommandIo, type ExitCode, exitCodes, runCommand } from './command.ts';

const usage = `Usage: countersign check [--config <file>] [--print]

Validates a configuration and tries it: compiles its expressions, reads its files and keys, and has
a key that is in an HSM or in Vault sign a probe. Changes nothing and listens nowhere.

  --config <file>   the configuration; otherwise $COUNTERSIGN_CONFIG, otherwise countersign.yaml
  --print           show the effective configuration, with defaults filled in and secrets masked

Exit code 0 when it can be used, 78 when not.
`;

export interface CheckIo extends CommandIo {
  readonly env: Environment;
}

/** @returns 0 when the configuration can be used */
export function run(args: readonly string[], io: CheckIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string' }, print: { type: 'boolean' } },
    });
    const loaded = findConfiguration(values.config, io.env);
    const notes = await tryConfiguration(loaded);
    for (const note of notes) io.stderr.write(`${note}\n`);
    io.stdout.write(
      values.print ? printConfiguration(loaded.configuration) : `${loaded.file} is good\n`,
    );
    return exitCodes.yes;
  });
}
