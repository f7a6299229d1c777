import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Environment } from '../config/environment.ts';
import { findConfiguration } from '../config/find.ts';
import { writeAddress } from '../config/schema/listen.ts';
import { identifyProcess } from '../ops/process-identity.ts';
import type { OpsAddress } from '../ops/read-ops.ts';
import { askOps, type OpsAnswer } from './ask-ops.ts';
import {
  CommandError,
  type CommandIo,
  type ExitCode,
  exitCodes,
  runCommand,
  UsageError,
} from './command.ts';

const usage = `Usage: countersign reload [--config <file>] [--timeout <seconds>]

Has the service that runs with a configuration read it anew, and says what came of it. Finds the
service at listen.ops, and sends it SIGHUP: run this where the service runs, as its user or as root.

  --config <file>       the configuration; otherwise $COUNTERSIGN_CONFIG, otherwise countersign.yaml
  --timeout <seconds>   how long to wait for the answer; 30 unless given

Exit code 0 when the configuration serves from now on, 78 when it cannot be used, 1 when it needs a
restart, or there is no service to tell. Whatever is not 0 has changed nothing.
`;

type LastReload = NonNullable<NonNullable<OpsAnswer['reload']>['last']>;

export interface ReloadIo extends CommandIo {
  readonly env: Environment;
}

/** @returns 0 when the service has taken the configuration over */
export function run(args: readonly string[], io: ReloadIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string' }, timeout: { type: 'string', default: '30' } },
    });
    const timeout = readTimeout(values.timeout);
    const { listen } = findConfiguration(values.config, io.env).configuration;
    const deadline = io.now() + timeout;
    const before = await askOps(listen.ops);
    hangUp(before, listen.ops);
    const last = await outcomeAfter(before.reload?.signals ?? 0, listen.ops, () => {
      if (io.now() > deadline) throw new CommandError('The service has not answered in time');
    });
    return tell(last, io);
  });
}

function readTimeout(written: string): number {
  const seconds = Number(written);
  if (!(seconds > 0)) throw new UsageError('--timeout is a number of seconds');
  return seconds * 1000;
}

/** Only a process of this machine that is the very one that answered gets the signal. */
function hangUp({ process: told, reload }: OpsAnswer, ops: OpsAddress): void {
  const where = `The service that answers at ${writeAddress(ops)}`;
  if (reload === null) throw new CommandError(`${where} cannot read its configuration again`);
  const here = told && identifyProcess(told.pid);
  if (told?.start == null || here?.start !== told.start) {
    throw new CommandError(
      `${where} is no process that can be seen from here (in another container, perhaps): run ` +
        'this there, or send it SIGHUP',
    );
  }
  try {
    process.kill(told.pid, 'SIGHUP');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`Process ${told.pid} cannot be told (${code}): run this as its user`);
  }
}

const askEvery = 100;

/** @returns how the first attempt ended that began after the signal */
async function outcomeAfter(
  signals: number,
  ops: OpsAddress,
  checkTime: () => void,
): Promise<LastReload> {
  for (;;) {
    const { reload } = await askOps(ops);
    if (reload?.last && reload.last.signals > signals) return reload.last;
    checkTime();
    await delay(askEvery);
  }
}

function tell({ result, reasons }: LastReload, { stdout, stderr }: ReloadIo): ExitCode {
  for (const reason of reasons) {
    stderr.write(`${result === 'applied' ? 'warning: ' : ''}${reason}\n`);
  }
  switch (result) {
    case 'applied':
      stdout.write('The configuration serves from now on.\n');
      return exitCodes.yes;
    case 'refused':
      stdout.write('Refused: the configuration before goes on serving.\n');
      return exitCodes.configuration;
    case 'needs_restart':
      stdout.write('Not without a restart: the configuration before goes on serving.\n');
      return exitCodes.no;
  }
}
