import { parseArgs } from 'node:util';
import { readKeyDirectory } from '../keys/directory-store.ts';
import { importKey } from '../keys/import.ts';
import { KeyError } from '../keys/key-error.ts';
import { readKeyFile } from '../keys/key-file.ts';
import { readKeyRing } from '../keys/key-ring.ts';
import type { SigningAlgorithm } from '../keys/signer.ts';
import {
  type CommandIo,
  type ExitCode,
  exitCodes,
  type ReadConfiguredKeys,
  runCommand,
  UsageError,
} from './command.ts';

const usage = `Usage: countersign keys list|import [<file>] [options]

  list                    the keys, newest first
  import <file>           put a private key (PKCS#12, JWK or PEM) into the key directory

  --directory <path>      the key directory; otherwise the configuration says where keys are
  --config <file>         the configuration file
  --password-file <file>  import: the password of a PKCS#12 file
`;

export interface KeysIo extends CommandIo {
  readonly readConfiguredKeys: ReadConfiguredKeys;
}

/** @returns the exit code, once the command is done */
export function run(args: readonly string[], io: KeysIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, () => {
    const [command, ...rest] = args;
    if (command === 'list') return listKeys(rest, io);
    if (command === 'import') return importFile(rest, io);
    throw new UsageError(command ? `There is no command "keys ${command}"` : 'Say what to do');
  });
}

const place = { directory: { type: 'string' }, config: { type: 'string' } } as const;

interface Place {
  readonly directory?: string | undefined;
  readonly config?: string | undefined;
}

async function listKeys(args: readonly string[], io: KeysIo): Promise<ExitCode> {
  const { values } = parseArgs({ args: [...args], options: place });
  io.stdout.write(writeTable(await readRows(values, io)));
  return exitCodes.yes;
}

async function readRows(values: Place, io: KeysIo): Promise<string[][]> {
  const settings = await findKeys(values, io);
  if (!('directory' in settings)) {
    const { signer } = await readKeyRing(settings);
    return [[signer.kid, signer.alg, '-', 'signs']];
  }
  const keys = await readKeyDirectory(settings.directory);
  const { algorithm } = settings;
  return keys.map(({ kid, alg, createdAt }, at) => {
    // The next start makes a key of the configured algorithm when the newest is of another.
    const signs = at === 0 && (algorithm === undefined || alg === algorithm);
    const state = signs ? 'signs' : alg.startsWith('HS') ? 'verifies' : 'published';
    return [kid, alg, new Date(createdAt).toISOString().slice(0, 19).concat('Z'), state];
  });
}

function writeTable(rows: readonly (readonly string[])[]): string {
  const table = [['kid', 'alg', 'created', 'state'], ...rows];
  const widths = [0, 1, 2].map((column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  const lines = table.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '));
  return `${lines.join('\n')}\n`;
}

async function importFile(args: readonly string[], io: KeysIo): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...place, 'password-file': { type: 'string' } },
    allowPositionals: true,
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('Name one file to import');
  const settings = await findKeys(values, io);
  if (!('directory' in settings)) {
    throw new KeyError('The configuration names one private key and no keys.directory');
  }
  const { directory, algorithm } = settings;
  const key = await importKey({
    directory,
    algorithm,
    contents: (await readKeyFile(file)).contents,
    password: await readPassword(values['password-file']),
    importedAt: io.now(),
  });
  io.stdout.write(`Imported ${key.kid} (${key.alg}) into ${directory}.\n`);
  io.stdout.write(whatNext(key.alg, algorithm));
  return exitCodes.yes;
}

/** A service whose newest key is not of the configured algorithm makes itself one that is. */
function whatNext(alg: SigningAlgorithm, configured: SigningAlgorithm | undefined): string {
  if (alg === configured) {
    return 'It signs from the next start on; the other keys stay published.\n';
  }
  return (
    `Set keys.algorithm to ${alg}, and it signs from the next start on.\n` +
    'With another algorithm a new key is made and signs, and this one is only published.\n'
  );
}

async function readPassword(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  return (await readKeyFile(file)).contents.toString('utf8').replace(/\r?\n$/, '');
}

/** The key directory that the user named, which has no algorithm, or what the configuration says. */
async function findKeys({ directory, config }: Place, io: KeysIo) {
  if (directory === undefined) {
    const configured = await io.readConfiguredKeys(config);
    if (configured !== undefined) return configured.keys;
    throw new UsageError('There is no configuration file; name the --directory or the --config');
  }
  if (config !== undefined) throw new UsageError('Give --directory or --config, not both');
  return { directory, algorithm: undefined };
}
