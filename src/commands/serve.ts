import { parseArgs } from 'node:util';
import type { Environment } from '../config/environment.ts';
import { findConfiguration } from '../config/find.ts';
import type { ServeOptions } from '../serve.ts';
import { type CommandIo, type ExitCode, exitCodes, runCommand, UsageError } from './command.ts';
import { prepareDev } from './dev.ts';

const usage = `Usage: countersign serve [--config <file> | --dev]

Answers the gateways of the configuration until it is told to stop (SIGTERM, SIGINT). A changed
configuration takes over while it serves; SIGHUP makes it look at once.

  --config <file>   the configuration; otherwise $COUNTERSIGN_CONFIG, otherwise countersign.yaml
  --dev             a built-in configuration to try things out: on this machine only, every
                    gateway and credential on, and every credential believed

Exit code 0 when it was told to stop, 78 when the configuration cannot be used.
`;

export interface ServeIo extends CommandIo {
  readonly env: Environment;
  /** Serves until it is told to stop. */
  readonly serve: (options: ServeOptions) => Promise<void>;
}

/** @returns 0 when it was told to stop */
export function run(args: readonly string[], io: ServeIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string' }, dev: { type: 'boolean' } },
    });
    if (values.dev && values.config !== undefined) throw new UsageError('Give --config or --dev');
    const read = () => findConfiguration(values.config, io.env);
    await io.serve(
      values.dev ? { loaded: prepareDev('data', io.stderr) } : { loaded: read(), read },
    );
    return exitCodes.yes;
  });
}
