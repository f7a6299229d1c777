#!/usr/bin/env node
import { keySettings } from './assemble/keys.ts';
import type { ConfiguredKeys, ExitCode } from './commands/command.ts';
import { configurationFile } from './config/find.ts';
import { readConfigurationFile } from './config/load.ts';
import { ConfigurationError } from './config/problems.ts';
import type { ServeOptions } from './serve.ts';

const usage = `Usage: countersign <command> [options]

Turns whatever credential reached your gateway into one signed JWT that your backends can verify.

  serve      answer gateways
  reload     have a service that runs take its configuration over anew
  check      validate a configuration and try it
  explain    say how a request would be decided, and why
  hash       make the hash of a password or API key for a configuration
  inspect    decode and verify a token
  keys       list or import signing keys

\`countersign <command> --help\` tells more. Exit codes: 0 yes, 1 no, 2 usage, 78 configuration.
`;

const io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: Date.now,
  serve: async (options: ServeOptions) => (await import('./serve.ts')).serve(options),
  readConfiguredKeys,
};

/** Loaded when asked for: making a hash needs no web server. */
const commands = new Map<string, () => Promise<Command>>([
  ['serve', () => import('./commands/serve.ts')],
  ['reload', () => import('./commands/reload.ts')],
  ['check', () => import('./commands/check.ts')],
  ['explain', () => import('./commands/explain.ts')],
  ['hash', () => import('./commands/hash.ts')],
  ['inspect', () => import('./commands/inspect.ts')],
  ['keys', () => import('./commands/keys.ts')],
]);

interface Command {
  run(args: readonly string[], all: typeof io): Promise<ExitCode>;
}

/** What `inspect` and `keys` need of a configuration; nothing when none was named and none is there. */
async function readConfiguredKeys(named: string | undefined): Promise<ConfiguredKeys | undefined> {
  const file = configurationFile(named, process.env);
  if (file === undefined) return undefined;
  const { configuration } = readConfigurationFile(file, process.env);
  return { issuer: configuration.issuer, keys: await keySettings(configuration) };
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  const load = commands.get(name ?? '');
  if (load) return (await load()).run(args, io);
  const asked = name === '--help' || name === '-h';
  (asked ? process.stdout : process.stderr).write(
    name === undefined || asked
      ? usage
      : `There is no command ${JSON.stringify(name)}.\n\n${usage}`,
  );
  return asked ? 0 : 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${describe(error as NodeJS.ErrnoException)}\n`);
  process.exitCode = error instanceof ConfigurationError ? 78 : 1;
}

/** What the system refuses, such as an address in use, is told without a stack. */
function describe(error: NodeJS.ErrnoException): string {
  const plain = error instanceof ConfigurationError || error.syscall !== undefined;
  return plain ? error.message : (error.stack ?? error.message);
}
