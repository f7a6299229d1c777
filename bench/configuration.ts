import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { idp, jwks } from './identity-provider.ts';
import type { Service } from './workload.ts';

/** Bearer tokens of one identity provider, with RS256 and the defaults for everything else. */
export const bearer = {
  bearer: { verify: { issuer: idp, audiences: ['account'], jwks_file: 'idp.jwks.json' } },
};

const token = { audience: 'https://orders.internal' };

const baseConfiguration = {
  issuer: 'https://countersign.example.com',
  gateways: { nginx: {} },
  credentials: [bearer],
  token,
  default_route: {},
  keys: { directory: 'keys' },
};

export const baseService: Service = { configuration: {} };

/** Tokens of the defaults, but never twice the same. */
export const withoutReuse = { token: { ...token, reuse: 'off' } };

/** Members of `token` beside those that it needs. */
export function withToken(more: Readonly<Record<string, unknown>>) {
  return { token: { ...token, ...more } };
}

export interface Ports {
  readonly auth: number;
  readonly public: number;
  readonly ops: number;
  readonly grpc: number;
}

/** Writes what a service needs that listens on these ports of loopback. */
export async function writeConfiguration(
  { configuration, prepare }: Service,
  { directory, ports }: { readonly directory: string; readonly ports: Ports },
): Promise<void> {
  const all = { ...baseConfiguration, ...configuration };
  const names = 'envoy_grpc' in all.gateways ? Object.keys(ports) : ['auth', 'public', 'ops'];
  const listen = Object.fromEntries(
    names.map((name) => [name, `127.0.0.1:${ports[name as keyof Ports]}`]),
  );
  mkdirSync(directory, { recursive: true });
  // JSON is YAML too.
  writeFileSync(join(directory, 'countersign.yaml'), JSON.stringify({ ...all, listen }));
  writeFileSync(join(directory, 'idp.jwks.json'), jwks());
  await prepare?.(directory);
}
