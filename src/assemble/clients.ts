import { readFileSync } from 'node:fs';
import { describeReadFailure } from '../config/files.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import type { IssuerKeys } from '../exchange/types.ts';
import { createFileKeys } from '../issuers/file-keys.ts';
import type { Log } from '../issuers/log.ts';
import { assertionAlgorithms } from '../public/client-assertion.ts';
import type { Client } from '../public/client-authentication.ts';
import type { Rate } from '../public/rate-limit.ts';
import type { Findings } from './findings.ts';

type ClientSettings = Configuration['clients'][number];

/** Makes what authenticates each client; what is wrong with its keys becomes a finding. */
export function createClients(
  { clients }: Configuration,
  log: Log,
  findings: Findings,
): readonly Client[] {
  return clients.map((client, index) => ({
    id: client.id,
    secretSha256: client.secret_sha256,
    secretHash: client.secret_hash,
    keys: keysOf(client, index, log, findings),
    may: client.may,
    audiences: client.audiences,
    rate: readRate(client.rate_limit),
  }));
}

function keysOf(
  { jwks, jwks_file: file }: ClientSettings,
  index: number,
  log: Log,
  findings: Findings,
): IssuerKeys | undefined {
  const make = (text: string) => createFileKeys({ text, algorithms: assertionAlgorithms, log });
  const at = (key: string) => ['clients', index, key];
  if (jwks) return findings.attempt(at('jwks'), () => make(JSON.stringify(jwks)));
  if (file === undefined) return undefined;
  return findings.attempt(at('jwks_file'), () => make(readText(file)));
}

/** @throws Error such as `cannot be read (ENOENT)` */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} ${describeReadFailure(error)}`);
  }
}

const periods = { s: 1_000, m: 60_000, h: 3_600_000 };

/** @param written such as `100/s` */
function readRate(written: string): Rate {
  const [count, unit] = written.split('/');
  return { count: Number(count), per: periods[unit as keyof typeof periods] };
}
