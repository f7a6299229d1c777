import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { hash as argon2 } from '@node-rs/argon2';
import {
  type CommandIo,
  type ExitCode,
  exitCodes,
  readStandardInput,
  runCommand,
  UsageError,
} from './command.ts';

const usage = `Usage: countersign hash [--key [--generate] [--owner <name>]] < secret

Reads a secret from standard input and prints its hash for a configuration file.

  (no option)      a person's password: argon2id, for an htpasswd file or secret_hash
  --key            a generated secret: SHA-256, for a keys_file or secret_sha256
  --generate       with --key: make the secret, and show it this once
  --owner <name>   with --key: print an entry of a keys_file for this owner
`;

/** @returns the exit code, once the hash is printed */
export function run(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        key: { type: 'boolean' },
        generate: { type: 'boolean' },
        owner: { type: 'string' },
      },
    });
    if (values.key) return hashKey(values, io);
    if (values.generate || values.owner !== undefined) {
      throw new UsageError('--generate and --owner belong to --key');
    }
    return hashPassword(io);
  });
}

/** OWASP's first choice for argon2id: 19 MiB, two passes, one thread. */
const argon2Costs = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

async function hashPassword(io: CommandIo): Promise<ExitCode> {
  io.stdout.write(`${await argon2(await readSecret(io), argon2Costs)}\n`);
  return exitCodes.yes;
}

async function readSecret(io: CommandIo): Promise<string> {
  const secret = await readStandardInput(io);
  if (secret === '') throw new UsageError('There is no secret on standard input');
  if (/\p{Cc}/u.test(secret)) throw new UsageError('The secret has a control character in it');
  return secret;
}

const leastKeyCharacters = 16;

async function hashKey(
  { generate, owner }: { generate?: boolean | undefined; owner?: string | undefined },
  io: CommandIo,
): Promise<ExitCode> {
  const key = generate ? randomBytes(32).toString('base64url') : await readSecret(io);
  if (key.length < leastKeyCharacters) {
    io.stderr.write(
      `The key is shorter than ${leastKeyCharacters} characters, and a fast hash of it can be guessed.\n` +
        'Make one with --generate; for a password leave out --key.\n',
    );
    return exitCodes.no;
  }
  if (generate) io.stdout.write(`# The key; it is not shown again:\n${key}\n\n# Its entry:\n`);
  io.stdout.write(describeEntry(createHash('sha256').update(key).digest('hex'), owner));
  return exitCodes.yes;
}

/** A JSON text is a YAML text too. */
function describeEntry(sha256: string, owner: string | undefined): string {
  if (owner === undefined) return `${sha256}\n`;
  return `- owner: ${JSON.stringify(owner)}\n  sha256: ${JSON.stringify(sha256)}\n`;
}
