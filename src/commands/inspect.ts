import { parseArgs } from 'node:util';
import { type CompactJws, readCompactJws } from '../exchange/compact-jws.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { readKeyRing } from '../keys/open-keys.ts';
import { createOwnTokenVerifier, type TokenFault } from '../tokens/verify.ts';
import {
  type CommandIo,
  type ExitCode,
  exitCodes,
  type ReadConfiguredKeys,
  readStandardInput,
  runCommand,
  UsageError,
} from './command.ts';
import { describeToken, printable } from './describe-token.ts';
import { readJwks } from './read-jwks.ts';

const usage = `Usage: countersign inspect [<token>|-] [options]

Decodes a token, read from standard input unless given, and verifies it.

  --jwks <file or URL>    keys to verify with (http only on this machine)
  --directory <path>      or those of a key directory
  --config <file>         or those of a configuration; without any of these, the usual one
  --issuer <URL>          the issuer it must be from; otherwise the configuration's

Exit code 0 when the token is valid, 1 when it is not or no keys are known.
`;

export interface InspectIo extends CommandIo {
  readonly readConfiguredKeys: ReadConfiguredKeys;
}

/** @returns 0 when the token is valid, 1 when it is not */
export function run(args: readonly string[], io: InspectIo): Promise<ExitCode> {
  return runCommand({ args, io, usage }, async () => {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        jwks: { type: 'string' },
        directory: { type: 'string' },
        config: { type: 'string' },
        issuer: { type: 'string' },
      },
      allowPositionals: true,
    });
    if (positionals.length > 1) throw new UsageError('Give one token');
    const jwt = await readToken(positionals[0], io);
    const token = readCompactJws(jwt);
    if (token === undefined) {
      io.stderr.write('This is not a JWT: three parts in base64url, the first two JSON objects.\n');
      return exitCodes.no;
    }
    io.stdout.write(describeToken(token, io.now()));
    const verdict = await verifyToken({
      jwt,
      token,
      source: await findKeys(values, token, io),
      io,
    });
    io.stdout.write(`\nVerdict\n  ${verdict.text}\n`);
    return verdict.valid ? exitCodes.yes : exitCodes.no;
  });
}

async function readToken(given: string | undefined, io: CommandIo): Promise<string> {
  const text = given === undefined || given === '-' ? await readStandardInput(io) : given;
  return text.trim().replace(/^bearer +/i, '');
}

interface KeySource {
  readonly keyRing: Pick<KeyRing, 'verificationKey'>;
  /** Undefined when nobody said who the issuer should be. */
  readonly issuer: string | undefined;
}

interface KeyOptions {
  readonly jwks?: string | undefined;
  readonly directory?: string | undefined;
  readonly config?: string | undefined;
  readonly issuer?: string | undefined;
}

async function findKeys(
  { jwks, directory, config, issuer }: KeyOptions,
  token: CompactJws,
  io: InspectIo,
): Promise<KeySource | undefined> {
  if ([jwks, directory, config].filter((one) => one !== undefined).length > 1) {
    throw new UsageError('Give one of --jwks, --directory and --config');
  }
  if (jwks !== undefined) return { keyRing: await readJwks(jwks, token.header.alg), issuer };
  if (directory !== undefined) {
    return { keyRing: await readKeyRing({ directory }), issuer };
  }
  const configured = await io.readConfiguredKeys(config);
  return (
    configured && {
      keyRing: await readKeyRing(configured.keys),
      issuer: issuer ?? configured.issuer,
    }
  );
}

interface Verification {
  readonly jwt: string;
  readonly token: CompactJws;
  readonly source: KeySource | undefined;
  readonly io: InspectIo;
}

async function verifyToken({
  jwt,
  token,
  source,
  io,
}: Verification): Promise<{ readonly valid: boolean; readonly text: string }> {
  if (source === undefined) {
    return { valid: false, text: 'not verified: no keys; give --jwks, --directory or --config' };
  }
  const issuer = source.issuer ?? String(token.payload['iss']);
  const verify = createOwnTokenVerifier({ issuer, keyRing: source.keyRing, now: io.now });
  const verified = await verify(jwt);
  if (typeof verified === 'string') return { valid: false, text: describeFault(verified, issuer) };
  const unchecked = source.issuer === undefined ? '; give --issuer to check who issued it' : '';
  return { valid: true, text: `valid: signed with ${printable(verified.kid)}${unchecked}` };
}

function describeFault(fault: TokenFault, issuer: string): string {
  switch (fault) {
    case 'malformed':
      return 'not valid: it has no time of expiry, or is no access token';
    case 'unknown_issuer':
      return `not valid: it is not from ${printable(issuer)}`;
    case 'unknown_key':
      return 'not valid: its key is not among those known';
    case 'bad_signature':
      return 'not valid: the signature is wrong';
    case 'expired':
      return 'not valid: it has expired';
  }
}
