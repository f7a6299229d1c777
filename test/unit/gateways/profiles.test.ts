import { describe, expect, it } from '@jest/globals';
import { isRefused } from '../../../src/exchange/refusals.ts';
import { createHeaderReader } from '../../../src/gateways/header-reader.ts';
import { type ProfileName, profiles } from '../../../src/gateways/profiles.ts';

/** What a profile makes of header lines, as recorded from the gateways themselves. */
function read(profile: ProfileName, lines: readonly string[], call = { method: 'GET', rest: '' }) {
  const headers = createHeaderReader(profiles[profile].headers, []).read(lines);
  if (isRefused(headers)) throw new Error(headers.reason);
  return { target: profiles[profile].readTarget(headers, call), headers };
}
const target = (
  method: string,
  scheme: string | undefined,
  host: string,
  path: string,
  query = '',
) => ({
  ...{ method, scheme, host, path, query },
});
const forwarded = (method: string, proto: string, host: string, uri: string) => [
  ...['X-Forwarded-Method', method, 'X-Forwarded-Proto', proto],
  ...['X-Forwarded-Host', host, 'X-Forwarded-Uri', uri],
];

describe('a recorded call', () => {
  it.each<[string, ProfileName, string[], object]>([
    [
      'nginx, HTTP/1.0, with the client’s Content-Length',
      'nginx',
      [
        ...[
          'X-Original-Method',
          'POST',
          'X-Original-URL',
          'https://api.example.com/p/a%2Fb?q=%20z&q=2',
        ],
        ...['Host', 'auth', 'Connection', 'close', 'Content-Length', '5', 'User-Agent', 'curl'],
      ],
      target('POST', 'https', 'api.example.com', '/p/a%2Fb', 'q=%20z&q=2'),
    ],
    [
      'nginx for a client without Host',
      'nginx',
      ['X-Original-Method', 'GET', 'X-Original-URL', 'http://_/x'],
      target('GET', 'http', '_', '/x'),
    ],
    [
      'ingress-nginx, which passes forged X-Forwarded-* on',
      'ingress-nginx',
      [
        ...forwarded('GET', 'http', 'evil.example', '/public'),
        ...['X-Sent-From', 'nginx-ingress-controller', 'X-Auth-Request-Redirect', '/real/path'],
        ...['X-Original-URL', 'https://api.example.com/real/path', 'X-Original-Method', 'DELETE'],
      ],
      target('DELETE', 'https', 'api.example.com', '/real/path'),
    ],
    [
      'Traefik, which cleans paths',
      'traefik',
      [
        ...['Host', '127.0.0.1:9000', 'X-Forwarded-For', '192.0.2.2', 'X-Forwarded-Port', '443'],
        ...['X-Forwarded-Server', 'lb', 'X-Real-Ip', '192.0.2.2'],
        ...forwarded('GET', 'https', 'api.example.com', '/p/a%2Fb?q=%20z&q=2'),
      ],
      target('GET', 'https', 'api.example.com', '/p/a%2Fb', 'q=%20z&q=2'),
    ],
    [
      'Traefik for a WebSocket',
      'traefik',
      forwarded('GET', 'wss', 'api.example.com', '/socket'),
      target('GET', 'https', 'api.example.com', '/socket'),
    ],
    [
      'Caddy, with the original Host and a port',
      'caddy',
      [
        'Host',
        'api.example.com:8443',
        ...forwarded('PUT', 'https', 'api.example.com:8443', '/a/../b'),
      ],
      target('PUT', 'https', 'api.example.com:8443', '/a/../b'),
    ],
    [
      'HAProxy',
      'haproxy',
      forwarded('QUERY', 'http', '10.0.0.1', '//double//x'),
      target('QUERY', 'http', '10.0.0.1', '//double//x'),
    ],
    [
      'Apache, for a request in absolute form',
      'apache',
      forwarded('GET', 'http', 'other.example', 'http://other.example/abs?x=1'),
      target('GET', 'http', 'other.example', '/abs', 'x=1'),
    ],
    [
      'APISIX',
      'apisix',
      ['X-Forwarded-For', '192.0.2.2', ...forwarded('GET', 'http', 'api.example.com', '/get')],
      target('GET', 'http', 'api.example.com', '/get'),
    ],
    [
      'Kong',
      'kong',
      ['X-Consumer-ID', 'c', 'X-Upstream-Url', 'http://u', ...forwarded('GET', 'http', 'h', '/')],
      target('GET', 'http', 'h', '/'),
    ],
  ])('is read: %s', (_what, profile, lines, expected) => {
    expect(read(profile, lines).target).toEqual(expected);
  });

  it.each<[string, object, string[], object | undefined]>([
    [
      'a raw path',
      { method: 'HEAD', rest: '/p/a%2Fb?q=%20z&q=2' },
      ['host', 'api.example.com', 'x-forwarded-proto', 'https'],
      target('HEAD', 'https', 'api.example.com', '/p/a%2Fb', 'q=%20z&q=2'),
    ],
    [
      'dots',
      { method: 'GET', rest: '/a/../b' },
      ['host', 'h', 'x-forwarded-proto', 'http'],
      target('GET', 'http', 'h', '/a/../b'),
    ],
    [
      'a bad escape',
      { method: 'GET', rest: '/pct%zz' },
      ['host', 'h', 'x-forwarded-proto', 'http'],
      target('GET', 'http', 'h', '/pct%zz'),
    ],
    [
      'nothing behind the prefix',
      { method: 'GET', rest: '' },
      ['host', 'h', 'x-forwarded-proto', 'http'],
      target('GET', 'http', 'h', '/'),
    ],
    [
      'a query only',
      { method: 'GET', rest: '?a/b' },
      ['host', 'h', 'x-forwarded-proto', 'http'],
      target('GET', 'http', 'h', '/', 'a/b'),
    ],
    [
      'no scheme, which Envoy sends only when told to',
      { method: 'GET', rest: '/' },
      ['host', 'h:443'],
      target('GET', undefined, 'h:443', '/'),
    ],
    [
      'a scheme that is none',
      { method: 'GET', rest: '/' },
      ['host', 'h', 'x-forwarded-proto', 'http, https'],
      undefined,
    ],
    [
      'an empty scheme',
      { method: 'GET', rest: '/' },
      ['host', 'h', 'x-forwarded-proto', ''],
      undefined,
    ],
    ['no host', { method: 'GET', rest: '/' }, ['x-forwarded-proto', 'http'], undefined],
    [
      'a forged X-Forwarded-Host',
      { method: 'GET', rest: '/' },
      ['host', 'h', 'x-forwarded-host', 'evil', 'x-forwarded-proto', 'http'],
      target('GET', 'http', 'h', '/'),
    ],
  ])('of Envoy is read: %s', (_what, call, lines, expected) => {
    expect(read('envoy', lines, call as { method: string; rest: string }).target).toEqual(expected);
  });
});

describe('Kong’s consumer', () => {
  const latin1 = (text: string) => Buffer.from(text).toString('latin1');
  const none = {
    id: undefined,
    custom_id: undefined,
    username: undefined,
    credential_identifier: undefined,
    anonymous: false,
  };

  it.each<[string, string[], object | undefined]>([
    ['none', [], undefined],
    [
      'empty',
      ['X-Consumer-ID', '', 'X-Consumer-Custom-ID', '', 'X-Anonymous-Consumer', ''],
      undefined,
    ],
    ['a user name alone', ['X-Consumer-Username', 'u'], undefined],
    ['an id', ['X-Consumer-ID', 'i'], { ...none, id: 'i' }],
    [
      'all',
      [
        'X-Consumer-ID',
        'i',
        'X-Consumer-Custom-ID',
        'c',
        'X-Consumer-Username',
        'u',
        'X-Credential-Identifier',
        'k',
      ],
      { id: 'i', custom_id: 'c', username: 'u', credential_identifier: 'k', anonymous: false },
    ],
    [
      'an anonymous one',
      ['X-Consumer-ID', 'i', 'X-Anonymous-Consumer', 'true'],
      { ...none, id: 'i', anonymous: true },
    ],
    [
      'an anonymous one without names',
      ['X-Anonymous-Consumer', 'true'],
      { ...none, anonymous: true },
    ],
    [
      'one that is not anonymous',
      ['X-Consumer-ID', 'i', 'X-Anonymous-Consumer', 'false'],
      { ...none, id: 'i' },
    ],
    [
      'one in UTF-8',
      ['X-Consumer-Custom-ID', latin1('Zoë 日本')],
      { ...none, custom_id: 'Zoë 日本' },
    ],
    ['one in Latin-1', ['X-Consumer-Custom-ID', 'Zo\xeb'], { ...none, custom_id: 'Zoë' }],
  ])('is %s', (_what, lines, consumer) => {
    expect(profiles.kong.readConsumer?.(read('kong', lines).headers)).toEqual(consumer);
  });

  it('is stated by no other gateway', () => {
    const others = Object.entries(profiles).filter(([name]) => name !== 'kong');
    expect(
      others.filter(([, profile]) => 'readConsumer' in profile || 'readUpstreamUrl' in profile),
    ).toEqual([]);
  });
});

it('no profile reads both conventions, or a certificate header as anything else', () => {
  for (const { headers, certificate } of Object.values(profiles)) {
    const families = new Set(
      headers.flatMap((name) => /^x-(?:original|forwarded)/.exec(name)?.[0] ?? []),
    );
    expect(families.size).toBe(headers.includes(':path') ? 0 : 1);
    expect(headers).not.toContain(certificate.header);
  }
});
