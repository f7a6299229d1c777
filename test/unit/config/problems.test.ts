import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, problemAt } from '../../../src/config/problems.ts';
import { base, load, problemsOf, withKeys } from './base.ts';

describe('a configuration that is wrong', () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [{ issuer: 'http://example.com' }, '1: issuer: "http://example.com" is not a usable URL;'],
    [{ issuer: 'https://example.com/?a' }, '1: issuer: "https://example.com/?a" is not a usable'],
    [{ issuer: 'https://me:hunter2@a.example' }, '1: issuer: holds a user or an @;'],
    [{ listen: '{ auth: 127.0.0.1 }' }, '5: listen.auth: "127.0.0.1" is not an address;'],
    [{ listen: '{ ops: "[fe80::zz]:1" }' }, '5: listen.ops: "[fe80::zz]:1" is not an address;'],
    [
      { gateways: '{ envoy_grpc: {} }' },
      '2: gateways.envoy_grpc: needs listen.grpc, such as 127.0.0.1:9001',
    ],
    [
      { listen: '{ grpc: 127.0.0.1:1 }' },
      '5: listen.grpc: serves nobody: no gateway has the profile envoy_grpc',
    ],
    [
      {
        listen: '{ grpc: 127.0.0.1:1 }',
        gateways: '{ envoy_grpc: {}, mesh: { profile: envoy_grpc } }',
      },
      '2: gateways.mesh: is a second gateway with profile envoy_grpc, beside envoy_grpc; there can be one',
    ],
    [
      { listen: '{ grpc: 0.0.0.0:1 }', gateways: '{ envoy_grpc: {} }' },
      '5: listen.grpc: 0.0.0.0:1 is not loopback, so callers must say who may call it',
    ],
    [
      {
        listen: '{ grpc: 127.0.0.1:1 }',
        gateways: '{ envoy_grpc: { client_certificate: { header: X-A, format: xfcc } } }',
      },
      '2: gateways.envoy_grpc: has no certificate header; write client_certificate: true',
    ],
    [{ listen: '{ rpc: 127.0.0.1:1 }' }, '5: listen.rpc: is not a known key; did you mean "grpc"?'],
    [{ callers: '{}' }, '5: callers: needs networks, secret_file or certificates'],
    [{ callers: '{ networks: [10.0.0.0/7] }' }, '5: callers.networks[0]: "10.0.0.0/7" is not a'],
    [{ callers: '{ networks: ["fd00::/31"] }' }, '5: callers.networks[0]: "fd00::/31" is not a'],
    [{ callers: '{ networks: ["::/32"] }' }, '5: callers.networks[0]: "::/32" is not a network'],
    [
      { callers: '{ networks: ["::ffff:10.0.0.0/103"] }' },
      '5: callers.networks[0]: "::ffff:10.0.0.0/103" is not a network no wider than /8',
    ],
    [{ gateways: '{}' }, '2: gateways: is empty; name at least one gateway'],
    [{ gateways: '{ nginks: {} }' }, '2: gateways.nginks: is not a profile and has no profile of'],
    [{ gateways: '{ traefk: {} }' }, 'did you mean "traefik"?'],
    [{ gateways: '{ Edge: { profile: nginx } }' }, '2: gateways.Edge: is not a gateway name;'],
    [{ gateways: '{ e: { profile: envoy_http } }' }, '2: gateways.e.profile: "envoy_http" is not'],
    [{ gateways: '{ nginx: { consumer: required } }' }, '2: gateways.nginx: has no consumer;'],
    [{ gateways: '{ nginx: }' }, '2: gateways.nginx: is empty where a map is expected'],
    [
      { gateways: '{ nginx: { client_certificate: { header: X-Cert, format: pem } } }' },
      '2: gateways.nginx.client_certificate.format: "pem" is not known; known here: url-pem,',
    ],
    [{ credentials: '[{ basik: {} }]' }, '3: credentials[0].basik: is not a known key; did you'],
    [{ credentials: '[{ basic: {} }]' }, '3: credentials[0].basic: needs verify or trust'],
    [
      { credentials: '[{ basic: { trust: gateway }, api_key: { trust: gateway } }]' },
      '3: credentials[0]: has basic and api_key; keep one',
    ],
    [
      { credentials: '[{ basic: { trust: gateway } }, { basic: { trust: gateway } }]' },
      '3: credentials[1].basic: is given twice; only bearer may be repeated',
    ],
    [
      {
        credentials:
          '[{ bearer: { trust: gateway } }, { bearer: { verify: { issuer: https://a, audiences: any } } }]',
      },
      '3: credentials[0].bearer.trust: must be the only bearer entry: with several, all verify',
    ],
    [
      {
        credentials:
          '[{ bearer: { verify: { issuer: https://a, audiences: any } } }, { bearer: { verify: { issuer: https://a, audiences: [b] } } }]',
      },
      '3: credentials[1].bearer.verify.issuer: is given twice; merge the two entries',
    ],
    [
      {
        credentials:
          '[{ bearer: { verify: { introspection: { endpoint: https://a, client_id: c, client_secret: s } } } }, { bearer: { verify: { introspection: { endpoint: https://b, client_id: c, client_secret: s } } } }]',
      },
      '3: credentials[1].bearer.verify.introspection: is given twice; one entry may introspect',
    ],
    [
      { credentials: '[{ bearer: { verify: { issuer: https://a } } }]' },
      '3: credentials[0].bearer.verify.audiences: is missing; list those accepted in `aud`, or write any',
    ],
    [
      { credentials: '[{ bearer: { verify: { issuer: https://a, audiences: [] } } }]' },
      '3: credentials[0].bearer.verify.audiences: is empty',
    ],
    [
      {
        credentials:
          '[{ bearer: { verify: { issuer: https://a, audiences: any, algorithms: [HS256] } } }]',
      },
      '3: credentials[0].bearer.verify.algorithms[0]: "HS256" is not known; did you mean "RS256"?',
    ],
    [
      {
        credentials:
          '[{ bearer: { verify: { issuer: https://a, audiences: any, jwks_uri: https://a/k, jwks_file: k } } }]',
      },
      '3: credentials[0].bearer.verify: has jwks_uri and jwks_file; keep one',
    ],
    [
      {
        credentials:
          '[{ bearer: { verify: { issuer: https://a, audiences: any, clock_skew: 61s } } }]',
      },
      '3: credentials[0].bearer.verify.clock_skew: is too large; at most 60s',
    ],
    [
      {
        credentials:
          '[{ bearer: { exp: optional, verify: { issuer: https://a, audiences: any } } }]',
      },
      '3: credentials[0].bearer: has exp or clock_skew beside verify; move it inside',
    ],
    [
      { credentials: '[{ bearer: { verify: { introspection: { endpont: https://a } } } }]' },
      '3: credentials[0].bearer.verify.introspection.endpont: is not a known key; did you mean "endpoint"?',
    ],
    [
      {
        credentials:
          '[{ bearer: { verify: { introspection: { endpoint: http://a, client_id: c, client_secret: s } } } }]',
      },
      '3: credentials[0].bearer.verify.introspection.endpoint: "http://a" is not a usable URL',
    ],
    [
      { credentials: '[{ api_key: { header: Authorization, trust: gateway } }]' },
      '3: credentials[0].api_key.header: is read for bearer and basic; choose another header',
    ],
    [
      { token: '{ expires_in: soon }' },
      '4: token.expires_in: "soon" is not a duration; write 30m,',
    ],
    [{ token: '{ expires_in: 500ms }' }, '4: token.expires_in: is not a number of whole seconds'],
    [{ token: '{ expires_in: 0 }' }, '4: token.expires_in: is not a number of whole seconds'],
    [
      { token: '{ profile: at+jwt }' },
      '4: token.profile: "at+jwt" is not known; known here: custom',
    ],
    [{ token: '{ header: X Jwt }' }, '4: token.header: "X Jwt" is not a header name;'],
    [{ token: '{ header: Host }' }, '4: token.header: Host belongs to the HTTP message itself;'],
    [{ token: '{ downstream_header: x_custom.jwt }' }, '4: token.downstream_header: is set twice;'],
    [{ token: '{ headers: { x-custom-jwt: a } }' }, '4: token.headers.x-custom-jwt: is set twice;'],
    [{ token: '{ headers: { X-A: a, x-a: b } }' }, '4: token.headers.x-a: is set twice;'],
    [{ token: '{ headers: { X-A: { value: a } } }' }, '4: token.headers.X-A: a map is not a CEL'],
    [
      { token: '{ strip: [X-Custom-JWT] }' },
      '4: token.strip[0]: is a header that Countersign sets',
    ],
    [
      { token: '{ claims: { iss: a } }' },
      '4: token.claims.iss: cannot be mapped: Countersign sets',
    ],
    [
      { token: '{ claims: { cnf: a } }' },
      '4: token.claims.cnf: cannot be mapped: this claim is only',
    ],
    [
      { token: '{ claims: { a: 5 } }' },
      '4: token.claims.a: is not a claim; write a CEL expression',
    ],
    [
      { token: '{ claims: { a: { valeu: 5 } } }' },
      '4: token.claims.a.valeu: is not a known key; did',
    ],
    [
      { token: '{ claims: { __proto__: a } }' },
      '4: token.claims: has a key that is not plain text',
    ],
    [
      { token: '{ copy: al }' },
      '4: token.copy: is not a choice of claims; write all, none or a list',
    ],
    [{ token: '{ audience: [] }' }, '4: token.audience: is empty'],
    [
      { token: '{ audience: 5 }' },
      '4: token.audience: is not an audience; write upstream, a string,',
    ],
    [{ token: '{ reuse: 100% }' }, '4: token.reuse: "100%" is not a percentage from 1% to 99%;'],
    [{ token: '{ reuse: 0.5 }' }, '4: token.reuse: is no rule for reuse; write off, 50% or'],
    [
      { token: '{ reuse: { max_entries: 0 } }' },
      '4: token.reuse.max_entries: is too small; at least',
    ],
    [{ token: '{ reuse: { max_bytes: 64M } }' }, '4: token.reuse.max_bytes: "64M" is not a size;'],
    [
      { token: '{ upstream_hosts: [https://a] }' },
      '4: token.upstream_hosts[0]: "https://a" is not a',
    ],
    [{ token: '{ jku: "yes" }' }, '4: token.jku: is a string where true or false is expected'],
    [
      { token: '{ max_header_bytes: 1MiB }' },
      '4: token.max_header_bytes: is not between 512 and 64KiB',
    ],
    [{ routes: '[{ match: {} }]' }, '5: routes[0].match: needs hosts, paths or methods;'],
    [{ routes: '[{}]' }, '5: routes[0].match: is missing; write a map'],
    [
      { routes: '[{ match: { paths: [/a/**/b] } }]' },
      '5: routes[0].match.paths[0]: "/a/**/b" is not',
    ],
    [
      { routes: '[{ match: { paths: [/a/b*] } }]' },
      '5: routes[0].match.paths[0]: "/a/b*" is not a',
    ],
    [
      { routes: '[{ match: { paths: [/a/../b] } }]' },
      '5: routes[0].match.paths[0]: "/a/../b" is not',
    ],
    [
      { routes: '[{ match: { paths: [/a%2fb] } }]' },
      '5: routes[0].match.paths[0]: "/a%2fb" is not a',
    ],
    [
      { routes: '[{ match: { hosts: ["a.*"] } }]' },
      '5: routes[0].match.hosts[0]: "a.*" is not a host',
    ],
    [
      { routes: '[{ match: { methods: [get] } }]' },
      '5: routes[0].match.methods[0]: is not a method;',
    ],
    [
      { routes: '[{ match: { paths: [/a] }, token: { header: X-A } }]' },
      '5: routes[0].token.header: is not a known key; did you mean "headers"?',
    ],
    [
      { routes: '[{ name: a, match: { paths: [/a] } }, { name: a, match: { paths: [/b] } }]' },
      '5: routes[1].name: is given twice; the first is number 1',
    ],
    [
      { keys: '{ algorithm: RS257 }' },
      '5: keys.algorithm: "RS257" is not known; did you mean "RS256"',
    ],
    [
      { keys: '{ rotate: { every: often } }' },
      '5: keys.rotate.every: "often" is not a duration; write 30d, or never',
    ],
    [
      { keys: '{ rotate: { every: 1h, publish_ahead: 31m } }' },
      '5: keys.rotate.every: is less than twice publish_ahead',
    ],
    [
      { keys: '{ rotate: { publish_ahead: 1s } }' },
      '5: keys.rotate.publish_ahead: is too short; write at least 2s',
    ],
    [
      { keys: '{ private_jwk_file: a, rotate: { every: 30d } }' },
      '5: keys.rotate: is for keys that Countersign makes itself, and private_jwk_file is not one',
    ],
    [
      { keys: '{ directory: a, private_jwk_file: b }' },
      '5: keys: has directory and private_jwk_file;',
    ],
    [
      { keys: '{ jwks_paths: [keys] }' },
      '5: keys.jwks_paths[0]: is not a path; write /keys/jwks.json',
    ],
    [
      { clients: '[{ id: a, may: [introspect], audiences: any }]' },
      '5: clients[0]: needs secret_sha',
    ],
    [
      {
        clients: `[{ id: a, secret_sha256: ${'a'.repeat(64)}, jwks_file: a.json, may: [introspect], audiences: any }]`,
      },
      '5: clients[0]: has secret_sha256 and jwks_file; keep one',
    ],
    [
      { clients: '[{ id: a, jwks: { keys: [] }, may: [introspect], audiences: any }]' },
      '5: clients[0].jwks.keys: is empty',
    ],
    [
      {
        clients:
          '[{ id: a, jwks: { keys: [{ kty: EC, d: x }] }, may: [introspect], audiences: any }]',
      },
      '5: clients[0].jwks: holds private or symmetric key material;',
    ],
    ...['0/s', '100', '100/d', '-1/s', '1.5/s', '100 / s'].map(
      (rate): readonly [Readonly<Record<string, string>>, string] => [
        {
          clients: `[{ id: a, jwks_file: a.json, may: [introspect], audiences: any, rate_limit: ${rate} }]`,
        },
        `is not a rate; write 100/s, 600/m or 5000/h`,
      ],
    ),
    [
      {
        credentials:
          '[{ bearer: { verify: { issuer: https://a, audiences: any, types: [token-introspection+jwt] } } }]',
      },
      '3: credentials[0].bearer.verify.types[0]: is the type of introspection answers',
    ],
    [
      {
        clients: `[{ id: a, secret_sha256: ${'a'.repeat(64)}, may: [exchange], audiences: any }]`,
      },
      '5: clients[0].may[0]: "exchange" is not known; known here: introspect, revoke, revoke-any',
    ],
    [
      {
        clients: `[1, 2]\n`.replace(
          /\d/g,
          `{ id: a, secret_sha256: ${'a'.repeat(64)}, may: [introspect], audiences: any }`,
        ),
      },
      '5: clients[1].id: is given twice; the first is number 1',
    ],
    [{ states: '{}' }, '5: states: is not a known key; did you mean "state"?'],
    [{ public: '{}' }, '5: public: is not a known key; known here: issuer, listen,'],
    [{ state: '{ keep_rules: 3 weeks }' }, '5: state.keep_rules: "3 weeks" is not a duration;'],
    [{ isuer: 'a' }, '5: isuer: is not a known key; did you mean "issuer"?'],
    [{ errors: '{ format: json }' }, '5: errors.format: "json" is not known; known here: problem,'],
    [{ drain: '-1' }, '5: drain: is too small; at least 0'],
    [{ drain: '9999999999999999d' }, '5: drain: "9999999999999999d" is not a duration;'],
  ];
  it.each(cases)('%j', (keys, expected) => {
    const problems = problemsOf(withKeys(keys));
    const lines = problems.map(({ line, key, message }) => `${line}: ${key}: ${message}`);
    expect(lines.join('\n')).toContain(expected);
  });

  it('is told in one go, by line, and also as text', () => {
    const text = `${base}log: { levle: info }\ndrain: soon\nrouts: []\n`;
    const problems = problemsOf(text);

    expect(problems.map(({ line, key }) => [line, key])).toEqual([
      [5, 'log.levle'],
      [6, 'drain'],
      [7, 'routs'],
    ]);
    expect(String(new ConfigurationError(problems)).split('\n')).toEqual([
      '/etc/countersign/countersign.yaml:5: log.levle: is not a known key; did you mean "level"?',
      '/etc/countersign/countersign.yaml:6: drain: "soon" is not a duration; write 30m, 90s or 1h30m',
      '/etc/countersign/countersign.yaml:7: routs: is not a known key; did you mean "routes"?',
    ]);
  });

  it('names a missing key at the map that lacks it', () => {
    expect(problemsOf('gateways: { nginx: {} }')).toContainEqual(
      expect.objectContaining({
        ...{ line: 1, column: 1, key: 'issuer' },
        message: 'is missing; write https://host/path; http only on loopback',
      }),
    );
  });

  it.each([
    ['', undefined, 'the file is empty'],
    ['a: 1\na: 2\n', 2, 'the same key comes twice in one map'],
    ['issuer: !env X', 1, 'tags are not read; write the plain value'],
    ['issuer: a\n---\nissuer: b', 2, 'a second document begins; keep one in a file'],
    ['issuer: "hunter2\n', 2, 'this is not YAML (missing char)'],
    ['a: &a [*a]', 1, 'is nested too deeply'],
    [`a: ${'['.repeat(100_000)}`, 1, 'is nested too deeply'],
    [`${'- '.repeat(100_000)}a`, 1, 'is nested too deeply'],
    [`a: &a [${'x,'.repeat(300)}]\nb: &b [${'*a,'.repeat(300)}]`, 1, 'makes the file too large'],
    ['? [a]\n: b', 1, 'has a key that is not plain text'],
    ['drain: .inf', 1, 'is not a number that JSON knows'],
    ['- issuer: a', 1, 'is a list where a map is expected'],
  ])('%.30j is no such file', (text, line, message) => {
    expect(problemsOf(text)).toContainEqual(expect.objectContaining({ line, message }));
  });

  it('never shows what a secret may be, wherever its text went wrong', () => {
    const text = `${base}keys: { private_jwk: hunter2 }
clients:
  - { id: a, secret_sha256: hunter2, may: [introspect], audiences: any }
  - { id: b, secret_hash: hunter2, may: [introspect], audiences: any }
  - { id: c, secret: hunter2, secret_hash: [hunter2], may: [introspect], audiences: any }
callers: { secret: hunter2 }
`;
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThanOrEqual(5);
    expect(String(new ConfigurationError(problems))).not.toContain('hunter2');
  });

  it('quotes an odd key, so that it cannot forge a line of a log', () => {
    const [problem] = problemsOf(`${base}"a\\nb": 1`);
    expect(problem?.key).toBe('"a\\nb"');
  });
});

describe('problemAt', () => {
  it('places what a later stage found, or the nearest key above it', () => {
    const loaded = load(`${base}routes:\n  - match: { paths: [/a] }\n    require: "1 +"\n`);

    expect(problemAt(loaded, ['routes', 0, 'require'], 'is wrong')).toEqual({
      file: '/etc/countersign/countersign.yaml',
      line: 7,
      column: 5,
      key: 'routes[0].require',
      message: 'is wrong',
    });
    expect(problemAt(loaded, ['routes', 0, 'token', 'claims'], '').line).toBe(6);
    expect(problemAt(loaded, ['keys'], '').line).toBe(1);
  });
});
