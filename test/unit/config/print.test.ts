import { describe, expect, it } from '@jest/globals';
import { devConfiguration } from '../../../src/config/dev.ts';
import { loadConfiguration } from '../../../src/config/load.ts';
import { printConfiguration } from '../../../src/config/print.ts';
import { gatewayProfiles } from '../../../src/config/schema/gateways.ts';

function load(text: string) {
  return loadConfiguration({ text, file: '/etc/countersign.yaml', env: {} }).configuration;
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: a name that looks like a variable
const text = `issuer: https://countersign.example.com
listen:
  auth: { address: "[::1]:1", tls: { cert_file: c, key_file: k } }
  public: unix:/run/public.sock
gateways: { edge: { profile: kong, client_certificate: { header: X-C, format: xfcc } } }
credentials:
  - bearer: { verify: { issuer: https://idp.example.com, audiences: [a], clock_skew: 1500ms } }
  - api_key: { verify: { keys_file: keys.yaml } }
token:
  expires_in: 1h30m
  reuse: 12.5%
  claims: { a: { value: 9007199254740993 }, b: x.y }
routes:
  - { match: { hosts: ["*.a.example"] }, token: { expires_in: 90s, reuse: 33%, claims: { a: null } } }
keys: { rotate: { every: never, publish_ahead: 90s } }
drain: 1500ms
`;

describe('the printed configuration', () => {
  it('reads as the same configuration again', () => {
    const configuration = load(text);
    const printed = printConfiguration(configuration);
    expect(load(printed)).toEqual(configuration);
    expect(printed).toContain('expires_in: 1h30m');
    expect(printed).toContain('remaining: 12.5%');
    expect(printed).toContain('drain: 1s500ms');
    expect(printed).toContain('every: never');
    expect(printed).toContain('public: unix:/run/public.sock');
  });

  it('masks every secret, and leaves the configuration as it was', () => {
    const configuration = load(`${text.replace(/^keys: .*\n/m, '')}
keys: { private_jwk: { kty: oct, k: hunter2 } }
clients:
  - { id: a, secret_hash: "$2b$10$${'h'.repeat(53)}", may: [introspect], audiences: any }
`);
    configuration.callers = { secret_file: '/s', secrets: ['hunter2-in-a-file'] };
    configuration.clients[0] = {
      ...{ id: 'a', may: ['introspect'], audiences: 'any', rate_limit: '1000/s' },
      ...{ secret_sha256_file: '/sha', secret_sha256: 'hunter2' },
    };
    const before = structuredClone(configuration);
    const printed = printConfiguration(configuration);

    expect(printed).not.toMatch(/hunter2|hhhh/);
    expect(printed).toContain('private_jwk: "[redacted]"');
    expect(printed).toContain('secret_sha256_file: /sha');
    expect(configuration).toEqual(before);
  });
});

describe('the development configuration', () => {
  const { configuration } = devConfiguration({
    directory: '/tmp/odd ${name}',
    secretSha256: 'a'.repeat(64),
  });

  it('listens on loopback only', () => {
    const { auth, public: open, ops } = configuration.listen;
    expect([auth, open, ops].map(({ host, port }) => `${host}:${port}`)).toEqual([
      '127.0.0.1:8080',
      '127.0.0.1:8081',
      '127.0.0.1:9090',
    ]);
  });

  it('has every profile with client certificates, and trusts each kind of credential', () => {
    expect(Object.keys(configuration.gateways)).toEqual([...gatewayProfiles]);
    for (const gateway of Object.values(configuration.gateways)) {
      expect(gateway.client_certificate).toBe(true);
    }
    expect(configuration.gateways['kong']?.consumer).toBe('optional');
    expect(configuration.credentials.map((entry) => Object.keys(entry)[0])).toEqual([
      'bearer',
      'basic',
      'client_certificate',
      'api_key',
    ]);
    expect(JSON.stringify(configuration.credentials)).not.toContain('verify');
  });

  it('keeps all in the directory given, and has one client that may do everything', () => {
    expect(configuration.keys.directory).toBe('/tmp/odd ${name}/keys');
    expect(configuration.state.directory).toBe('/tmp/odd ${name}/state');
    const may = ['introspect', 'revoke', 'revoke-any'];
    expect(configuration.clients).toMatchObject([
      { id: 'dev', secret_sha256: 'a'.repeat(64), may, audiences: 'any' },
    ]);
    expect(configuration.issuer).toBe('http://127.0.0.1:8081');
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: a name that looks like a variable
