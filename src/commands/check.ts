import { parseArgs } from 'node:util';
import { checkEverything } from '../check/check.ts';
import { type Row, writeTable } from '../check/row.ts';
import type { Environment } from '../config/environment.ts';
import { findConfiguration } from '../config/find.ts';
import { printConfiguration } from '../config/print.ts';
import { type CommandIo, type ExitCode, exitCodes, runCommand } from './command.ts';

const usage = `Usage: countersign check [--config <file>] [--strict] [--print]

Tries everything that serving would need: the configuration and its expressions, keys (one in an HSM
or in Vault signs a probe), files, certificates, addresses and directories, issuers, introspection
endpoints, Redis, the receiver of traces. Changes nothing, serves nothing, takes a few seconds.

  --config <file>   the configuration; otherwise $COUNTERSIGN_CONFIG, otherwise countersign.yaml
  --strict          a warning counts as a failure
  --print           show the effective configuration, with defaults filled in and secrets masked,
                    and of the rest only what is not good

Exit code 0 when it can be served, 1 when something it needs is missing, 78 when the configuration
cannot be used.
`;

export interface CheckIo extends CommandIo {
  readonly env: Environment;
}

/** @returns 0 when the configuration can be served */
export function run(args: readonly string[], io: CheckIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        strict: { type: 'boolean' },
        print: { type: 'boolean' },
      },
    });
    const loaded = findConfiguration(values.config, io.env);
    const { rows, isUnusable } = await checkEverything(loaded, io.now());
    const count = (result: Row['result']) => rows.filter((row) => row.result === result).length;
    const [failures, warnings] = [count('failed'), count('warning')];
    const isGood = failures === 0 && !(values.strict && warnings > 0);

    if (values.print) {
      const bad = rows.filter(({ result }) => result !== 'good');
      if (bad.length > 0) io.stderr.write(writeTable(bad));
      io.stdout.write(printConfiguration(loaded.configuration));
    } else {
      const counts = `${failures} failed, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
      const verdict = isGood ? 'is good' : 'is not good';
      io.stdout.write(`${writeTable(rows)}\n${loaded.file} ${verdict}: ${counts}\n`);
    }
    if (isUnusable) return exitCodes.configuration;
    return isGood ? exitCodes.yes : exitCodes.no;
  });
}
