import { Readable } from 'node:stream';
import type {
  ConfiguredKeys,
  ExitCode,
  ReadConfiguredKeys,
} from '../../../src/commands/command.ts';

export const now = 1_800_000_000_000;

export interface CommandIoOptions {
  readonly stdin?: string;
  readonly configured?: ConfiguredKeys | Error;
}

/** Runs a command with what the tests give it; `out` and `err` are what it wrote. */
export async function runWith<Io>(
  run: (args: readonly string[], io: Io) => Promise<ExitCode>,
  args: readonly string[],
  { stdin = '', configured }: CommandIoOptions = {},
) {
  let out = '';
  let err = '';
  const asked: (string | undefined)[] = [];
  const readConfiguredKeys: ReadConfiguredKeys = async (file) => {
    asked.push(file);
    if (configured instanceof Error) throw configured;
    return configured;
  };
  const io = {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    now: () => now,
    readConfiguredKeys,
  };
  const code = await run(args, io as Io);
  return { code, out, err, asked };
}
