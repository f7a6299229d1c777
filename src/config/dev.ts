import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { type LoadedConfiguration, loadConfiguration } from './load.ts';
import { gatewayProfiles } from './schema/gateways.ts';

/**
 * The configuration of `serve --dev`: everything that can be tried without a file, on loopback only,
 * where the gateway beside us is believed.
 *
 * @param directory where keys and state are kept
 * @param secretSha256 hex of the secret of the client `dev`
 */
export function devConfiguration({
  directory,
  secretSha256,
}: {
  readonly directory: string;
  readonly secretSha256: string;
}): LoadedConfiguration {
  const gateways = gatewayProfiles.map((profile) => [
    profile,
    { client_certificate: true, ...(profile === 'kong' ? { consumer: 'optional' } : {}) },
  ]);
  const text = stringify({
    issuer: 'http://127.0.0.1:8081',
    listen: { grpc: '127.0.0.1:9001' },
    gateways: Object.fromEntries(gateways),
    credentials: [
      { bearer: { trust: 'gateway' } },
      { basic: { trust: 'gateway' } },
      { client_certificate: { trust: 'gateway' } },
      { api_key: { trust: 'gateway' } },
    ],
    token: { upstream_hosts: 'any' },
    keys: { directory: resolve(directory, 'keys').replaceAll('${', () => '$${') },
    state: { directory: resolve(directory, 'state').replaceAll('${', () => '$${') },
    log: { format: 'pretty', decisions: 'all' },
    drain: 0,
    clients: [
      {
        id: 'dev',
        secret_sha256: secretSha256,
        may: ['introspect', 'revoke', 'revoke-any'],
        audiences: 'any',
      },
    ],
  });
  return loadConfiguration({ text, file: '(built-in configuration)', env: {} });
}
