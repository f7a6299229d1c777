import { ConfigurationError } from '../config/problems.ts';
import { KeyError } from '../keys/key-error.ts';
import type { KeySettings } from '../keys/open-keys.ts';

/** What the command line tells the shell. */
export const exitCodes = { yes: 0, no: 1, usage: 2, configuration: 78 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a command may touch of the process that runs it. */
export interface CommandIo {
  readonly stdin: AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What the configuration says about keys. */
export interface ConfiguredKeys {
  readonly issuer: string;
  readonly keys: KeySettings;
}

/**
 * @param configFile the file that the user named; undefined for the usual place
 * @returns undefined when the user named none and there is none; rejects when it cannot be used
 */
export type ReadConfiguredKeys = (
  configFile: string | undefined,
) => Promise<ConfiguredKeys | undefined>;

/** The command line asks for something that cannot be. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the command was asked to use cannot be used. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/**
 * Runs a command's body and turns what it throws into a message and an exit code.
 *
 * @param usage shown for `--help`, and its first line when the command line is wrong
 */
export async function runCommand(
  { args, io, usage }: { args: readonly string[]; io: CommandIo; usage: string },
  body: () => Promise<ExitCode>,
): Promise<ExitCode> {
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout.write(usage);
    return exitCodes.yes;
  }
  try {
    return await body();
  } catch (error) {
    const code = exitCodeOf(error);
    if (code === undefined) throw error;
    io.stderr.write(`${(error as Error).message}\n`);
    if (code === exitCodes.usage) io.stderr.write(`${usage.split('\n')[0]}\n`);
    return code;
  }
}

function exitCodeOf(error: unknown): ExitCode | undefined {
  if (error instanceof KeyError || error instanceof CommandError) return exitCodes.no;
  if (error instanceof ConfigurationError) return exitCodes.configuration;
  const { code } = error as NodeJS.ErrnoException;
  const parseArgsFailed = String(code).startsWith('ERR_PARSE_ARGS');
  return error instanceof UsageError || parseArgsFailed ? exitCodes.usage : undefined;
}

const mostInputBytes = 64 * 1024;

/** Reads standard input to its end, without the line break that a shell puts there. */
export async function readStandardInput({ stdin, stderr }: CommandIo): Promise<string> {
  if (stdin.isTTY) stderr.write('Reading from the terminal; end with Enter and Ctrl-D.\n');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const buffer = Buffer.from(chunk as Uint8Array);
    bytes += buffer.length;
    if (bytes > mostInputBytes) throw new UsageError('Standard input is too long');
    chunks.push(buffer);
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
