import { parseArgs } from 'node:util';
import type { Environment } from '../config/environment.ts';
import { findConfiguration } from '../config/find.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import { writeJson } from '../exchange/strict-json.ts';
import { explain } from '../explain/explain.ts';
import { readClientRequest, requestOptions } from './client-request.ts';
import {
  type CommandIo,
  type ExitCode,
  exitCodes,
  readStandardInput,
  runCommand,
  UsageError,
} from './command.ts';
import { describeExplanation } from './describe-explanation.ts';

const usage = `Usage: countersign explain [--gateway <name>] [options] [<method>] <URL>

Says how a request would be decided, and why: by the configuration, the code and the keys that
serve, without a server. Give the request as its client sends it to the gateway.

  --gateway <name>          which of the configured gateways it goes through, if there are several
  -H, --header <header>     a header of the client, such as 'Authorization: Bearer …'; may be repeated;
                            '-H -' reads them from standard input, one a line
  --cert <file>             the client's certificate in PEM, with what leads to its authority
  --verified <kind>         the credential that the gateway says it verified: bearer, basic, …
  --consumer <consumer>     what Kong states of the consumer: its id, 'anonymous', or custom_id=…,
                            username=…, credential_identifier=…; may be repeated
  --upstream-url <URL>      the URL of Kong's Service
  --config <file>           the configuration; otherwise $COUNTERSIGN_CONFIG, otherwise countersign.yaml
  --json                    for programs

Identity providers are asked as serving would. No credential is shown, and no token: only what is
in it. Exit code 0 when the request is allowed, 1 when it is refused, 78 when the configuration
cannot be used.
`;

export interface ExplainIo extends CommandIo {
  readonly env: Environment;
}

/** @returns 0 when the request is allowed, 1 when it is refused */
export function run(args: readonly string[], io: ExplainIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, async () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        ...requestOptions,
        gateway: { type: 'string' },
        config: { type: 'string' },
        json: { type: 'boolean' },
      },
      allowPositionals: true,
    });
    const loaded = findConfiguration(values.config, io.env);
    const [gateway, { profile }] = chooseGateway(loaded.configuration, values.gateway);
    const header = await readHeaders(values.header ?? [], io);
    const request = readClientRequest(positionals, { ...values, header }, profile);
    const explanation = await explain({ loaded, gateway, request, now: io.now });
    io.stdout.write(
      values.json ? `${writeJson(explanation)}\n` : describeExplanation(explanation, io.now()),
    );
    return explanation.decision?.allowed ? exitCodes.yes : exitCodes.no;
  });
}

function chooseGateway({ gateways }: Configuration, named: string | undefined) {
  const all = Object.entries(gateways);
  const chosen = named === undefined ? all : all.filter(([name]) => name === named);
  const [only, ...others] = chosen;
  if (only !== undefined && others.length === 0) return only;
  throw new UsageError(`Give the --gateway, one of: ${Object.keys(gateways).join(', ')}`);
}

/** Arguments can be seen by others on the machine, and stay in the shell's history. */
async function readHeaders(given: readonly string[], io: CommandIo): Promise<readonly string[]> {
  if (!given.includes('-')) return given;
  const read = (await readStandardInput(io)).split(/\r?\n/).filter((line) => line !== '');
  return given.flatMap((line) => (line === '-' ? read : line));
}
