import { parseArgs } from 'node:util';
import { addKey, readImportedKey } from '../keys/import.ts';
import { readKeyFile } from '../keys/key-file.ts';
import type { Ring } from '../keys/rotation.ts';
import { type ExitCode, exitCodes, runCommand, UsageError } from './command.ts';
import { type KeyPlace, type KeysIo, openRing, placeOptions, writeTime } from './key-place.ts';
import { listKeys } from './keys-list.ts';
import { rotateKeys } from './keys-rotate.ts';

const usage = `Usage: countersign keys list|rotate|import [<file>] [options]

  list                    the keys: what each does, and since when
  rotate                  publish a new key, which signs after rotate.publish_ahead
  rotate --plan           what will happen to the keys, and when; changes nothing
  rotate --now --compromised
                          drop the key that signs and make another sign at once
  import <file>           publish a key of yours (PKCS#12, JWK or PEM), which signs like a new one

  --directory <path>      the key directory; otherwise the configuration says where keys are
  --config <file>         the configuration file
  --password-file <file>  import: the password of a PKCS#12 file

A service that runs takes changes over within a second.
`;

/** @returns the exit code, once the command is done */
export function run(args: readonly string[], io: KeysIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, () => {
    const [command, ...rest] = args;
    if (command === 'list') return listKeys(rest, io);
    if (command === 'rotate') return rotateKeys(rest, io);
    if (command === 'import') return importFile(rest, io);
    throw new UsageError(command ? `There is no command "keys ${command}"` : 'Say what to do');
  });
}

async function importFile(args: readonly string[], io: KeysIo): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...placeOptions, 'password-file': { type: 'string' } },
    allowPositionals: true,
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('Name one file to import');
  const place = await openRing(values, io);
  const key = readImportedKey({
    contents: (await readKeyFile(file)).contents,
    password: await readPassword(values['password-file']),
    algorithm: place.algorithm,
  });
  const ring = await addKey(place.store, key, place.policyFor(key.alg), io.now());
  await place.store.close();
  io.stdout.write(`Imported ${key.kid} (${key.alg}) into ${place.name}.\n`);
  io.stdout.write(whatNext(ring, key.kid, place));
  return exitCodes.yes;
}

/** A service whose key is not of the configured algorithm makes itself one that is. */
function whatNext(ring: Ring, kid: string, { algorithm }: KeyPlace): string {
  const added = ring.keys.find((key) => key.kid === kid);
  const signs =
    added?.state === 'active'
      ? 'It is the only key, and signs.\n'
      : `It is published now, and signs from ${writeTime(added?.until ?? 0)} on.\n`;
  if (algorithm === undefined || added?.alg === algorithm) return signs;
  return (
    `${signs}Set keys.algorithm to ${added?.alg} before that: otherwise a key of the configured ` +
    'algorithm\nis made and signs after it.\n'
  );
}

async function readPassword(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  return (await readKeyFile(file)).contents.toString('utf8').replace(/\r?\n$/, '');
}
