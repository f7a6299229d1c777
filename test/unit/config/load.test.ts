import { describe, expect, it } from '@jest/globals';
import { base, load, withKeys } from './base.ts';

describe('a configuration that is right', () => {
  it('gets every default', () => {
    const { configuration } = load(base);

    expect(configuration).toEqual({
      issuer: 'https://countersign.example.com',
      workers: 1,
      listen: {
        auth: { host: '127.0.0.1', port: 8080, tls: undefined },
        public: { host: '127.0.0.1', port: 8081, tls: undefined },
        ops: { host: '127.0.0.1', port: 9090, tls: undefined },
      },
      gateways: { nginx: { profile: 'nginx', client_certificate: false, consumer: undefined } },
      credentials: [{ basic: { trust: 'gateway' } }],
      token: {
        profile: 'custom',
        header: 'X-Custom-Jwt',
        strip: [],
        expires_in: 1800,
        audience: 'upstream',
        upstream_hosts: 'any',
        copy: 'all',
        drop: [],
        claims: {},
        headers: {},
        reuse: { remaining: 0.5, max_entries: 50_000, max_bytes: 64 * 1024 * 1024 },
        jku: true,
        max_header_bytes: 3584,
      },
      routes: [],
      default_route: {},
      keys: {
        algorithm: 'RS256',
        directory: '/etc/countersign/data/keys',
        rotate: { every: 30 * 86_400_000, publish_ahead: 3_600_000 },
        jwks_paths: [],
      },
      clients: [],
      state: {
        directory: '/etc/countersign/data/state',
        keep_rules: 7_776_000,
        when_unavailable: 'refuse',
      },
      errors: { format: 'problem', verbose: false },
      log: { level: 'info', format: 'json', decisions: 'refused' },
      drain: 5000,
    });
  });

  it('serves nothing but its routes, once it names some', () => {
    const { configuration } = load(`${base}routes: [{ match: { paths: [/a] } }]`);
    expect(configuration.default_route).toBeUndefined();
  });

  it.each([
    ['30m', 1800],
    ['1h30m', 5400],
    ['90s', 90],
    ['2000ms', 2],
    ['30d', 2_592_000],
    ['45', 45],
  ])('reads the duration %s as %d seconds', (written, seconds) => {
    const text = withKeys({ token: `{ upstream_hosts: any, expires_in: ${written} }` });
    expect(load(text).configuration.token.expires_in).toBe(seconds);
  });

  it.each([
    ['500ms', 500],
    ['2', 2000],
  ])('reads drain %s as %d milliseconds', (written, milliseconds) => {
    expect(load(withKeys({ drain: written })).configuration.drain).toBe(milliseconds);
  });

  it.each([
    ['off', 'off'],
    ['25%', { remaining: 0.25, max_entries: 50_000, max_bytes: 67_108_864 }],
    ['{ max_entries: 9, max_bytes: 2KiB }', { remaining: 0.5, max_entries: 9, max_bytes: 2048 }],
  ])('reads reuse %s', (written, expected) => {
    const text = withKeys({ token: `{ upstream_hosts: any, reuse: ${written} }` });
    expect(load(text).configuration.token.reuse).toEqual(expected);
  });

  it.each([
    ['"[::1]:8080"', { host: '::1', port: 8080, tls: undefined }],
    ['localhost:0', { host: 'localhost', port: 0, tls: undefined }],
    ['unix:/run/auth.sock', { path: '/run/auth.sock', tls: undefined }],
    [
      '{ address: 127.0.0.1:1, tls: { cert_file: c.pem, key_file: /k.pem } }',
      {
        host: '127.0.0.1',
        port: 1,
        tls: { cert_file: '/etc/countersign/c.pem', key_file: '/k.pem' },
      },
    ],
  ])('reads the address %s', (written, expected) => {
    const { configuration } = load(withKeys({ listen: `{ auth: ${written} }` }));
    expect(configuration.listen.auth).toEqual(expected);
  });

  it('resolves file names from the directory of the file, but not claims that look like one', () => {
    const text = withKeys({
      credentials: '[{ api_key: { header: X-Key, verify: { keys_file: keys.yaml } } }]',
      token: '{ upstream_hosts: any, claims: { log_file: { value: a.log } } }',
    });
    const { credentials, token } = load(text).configuration;

    expect(credentials).toEqual([
      { api_key: { header: 'x-key', verify: { keys_file: '/etc/countersign/keys.yaml' } } },
    ]);
    expect(token.claims).toEqual({ log_file: { value: 'a.log' } });
  });

  it('reads a bearer entry of each kind with its defaults', () => {
    const credentials = `
  - bearer: { verify: { issuer: https://idp.example.com/, audiences: any } }
  - bearer:
      client_id: [client_id, azp]
      verify: { introspection: { endpoint: "http://[::1]:1/i", client_id: c, client_secret: s } }`;

    expect(load(withKeys({ credentials })).configuration.credentials).toEqual([
      {
        bearer: {
          client_id: 'clientId',
          trust: undefined,
          verify: {
            issuer: 'https://idp.example.com/',
            audiences: 'any',
            algorithms: ['RS256', 'PS256', 'ES256', 'Ed25519'],
            jwks_origins: [],
            types: ['none', 'JWT', 'at+jwt'],
            exp: 'required',
            clock_skew: 5,
          },
        },
      },
      {
        bearer: {
          client_id: ['client_id', 'azp'],
          trust: undefined,
          verify: {
            introspection: { endpoint: 'http://[::1]:1/i', client_id: 'c', client_secret: 's' },
            exp: 'required',
            clock_skew: 5,
          },
        },
      },
    ]);
  });

  it('takes exp and clock_skew beside trust', () => {
    const credentials = '[{ bearer: { trust: gateway, exp: optional, clock_skew: 60s } }]';
    expect(load(withKeys({ credentials })).configuration.credentials).toEqual([
      {
        bearer: {
          client_id: 'clientId',
          verify: undefined,
          trust: 'gateway',
          exp: 'optional',
          clock_skew: 60,
        },
      },
    ]);
  });

  it('makes JSON text of private_jwk a map, and then has no directory', () => {
    const text = withKeys({ keys: `{ private_jwk: '{"kty":"oct","k":"AA"}' }` });
    const { keys } = load(text).configuration;
    expect(keys.private_jwk).toEqual({ kty: 'oct', k: 'AA' });
    expect(keys.directory).toBeUndefined();
  });

  it('keeps integers beyond 2^53 of a claim exact', () => {
    const text = withKeys({
      token: '{ upstream_hosts: any, claims: { a: { value: [9007199254740993, 1.5, null] } } }',
    });
    expect(load(text).configuration.token.claims['a']).toEqual({
      value: [9007199254740993n, 1.5, null],
    });
  });

  it('reads hosts in lower case, and an alias for what it stands for', () => {
    const text = `${base}routes:
  - &one { match: { hosts: [Orders.Example.com:8443, "*.Example.com"] } }
  - { name: two, match: { methods: [GET], paths: [/, /a/*/b, /**, /%C3%A9] } }`;
    expect(load(text).configuration.routes[0]?.match.hosts).toEqual([
      'orders.example.com:8443',
      '*.example.com',
    ]);
  });
});
