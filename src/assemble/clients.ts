import type { Configuration } from '../config/schema/configuration.ts';
import type { IssuerKeys } from '../exchange/types.ts';
import { createFileKeys } from '../issuers/file-keys.ts';
import type { Log } from '../issuers/log.ts';
import { assertionAlgorithms } from '../public/client-assertion.ts';
import type { Client } from '../public/client-authentication.ts';
import type { Rate } from '../public/rate-limit.ts';
import type { CredentialFiles } from './credential-files.ts';
import type { Findings } from './findings.ts';

export interface ClientDeps {
  readonly log: Log;
  readonly findings: Findings;
  readonly files: CredentialFiles;
}

type ClientSettings = Configuration['clients'][number];

/** Makes what authenticates each client; what is wrong with its keys becomes a finding. */
export function createClients({ clients }: Configuration, deps: ClientDeps): readonly Client[] {
  return clients.map((client, index) => ({
    id: client.id,
    secretSha256: client.secret_sha256,
    secretHash: client.secret_hash,
    keys: keysOf(client, index, deps),
    may: client.may,
    audiences: client.audiences,
    rate: readRate(client.rate_limit),
  }));
}

function keysOf(
  { jwks, jwks_file: file }: ClientSettings,
  index: number,
  { log, findings, files }: ClientDeps,
): IssuerKeys | undefined {
  const make = (text: string) => createFileKeys({ text, algorithms: assertionAlgorithms, log });
  const at = (key: string) => ['clients', index, key];
  if (jwks) return findings.attempt(at('jwks'), () => make(JSON.stringify(jwks)));
  if (file === undefined) return undefined;
  const current = files.follow(at('jwks_file'), file, make);
  return current && { find: (header) => current().find(header) };
}

const periods = { s: 1_000, m: 60_000, h: 3_600_000 };

/** @param written such as `100/s` */
function readRate(written: string): Rate {
  const [count, unit] = written.split('/');
  return { count: Number(count), per: periods[unit as keyof typeof periods] };
}
