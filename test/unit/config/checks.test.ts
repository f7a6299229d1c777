import { describe, expect, it } from '@jest/globals';
import { loadConfiguration } from '../../../src/config/load.ts';

function messageOf(text: string): string {
  try {
    loadConfiguration({ text, file: 'c.yaml', env: {} });
    return '';
  } catch (error) {
    return String(error);
  }
}

const issuer = 'issuer: https://countersign.example.com';
const trusting = `${issuer}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }`;
const verifying = trusting.replace('trust: gateway', 'verify: { htpasswd_file: a }');
const tls = 'tls: { cert_file: c, key_file: k, client_ca_file: ca }';
const inNetwork = 'callers: { networks: [10.1.0.0/16] }';

describe('rules across sections', () => {
  it.each([
    ['loopback needs no callers', `${trusting}\nlisten: { auth: 127.1.2.3:8080 }`],
    ['nor does ::1', `${trusting}\nlisten: { auth: "[::1]:8080" }`],
    ['nor does a unix socket', `${trusting}\nlisten: { auth: unix:/run/a }`],
    [
      'a network is enough for what is verified here',
      `${verifying}\nlisten: { auth: 0.0.0.0:1 }\n${inNetwork}`,
    ],
    [
      'a certificate is enough for trust',
      `${trusting}\nlisten: { auth: { address: 0.0.0.0:1, ${tls} } }\ncallers: { certificates: [gw] }`,
    ],
    [
      'kong states the upstream',
      `${issuer}\ngateways: { k: { profile: kong } }\ncredentials: [{ basic: { trust: gateway } }]`,
    ],
    [
      'hosts of routes are known hosts',
      `${trusting.replace('any', '[]')}\nroutes: [{ match: { hosts: [a.example] } }]`,
    ],
    [
      'routes that name audiences need no hosts',
      `${trusting.replace('any', '[]')}\nroutes: [{ match: { paths: [/a] }, token: { audience: b } }]`,
    ],
    [
      'anonymous routes alone need no credentials',
      `${issuer}\ngateways: { nginx: {} }\ntoken: { audience: a }\ndefault_route: { anonymous: { client_id: b } }`,
    ],
    ['workers may record decisions in a file', `${trusting}\nworkers: 2\naudit: { file: a }`],
    [
      'a route may change the expression of a header',
      `${trusting.replace('any', 'any, headers: { X-A: client_id }')}\ndefault_route: { token: { headers: { X-A: subject } } }`,
    ],
  ])('%s', (_, text) => {
    expect(messageOf(text)).toBe('');
  });

  it.each([
    [
      `${verifying}\nlisten: { auth: 0.0.0.0:8080 }`,
      'c.yaml:5: listen.auth: 0.0.0.0:8080 is not loopback, so callers must say who may call it',
    ],
    [
      `${verifying}\nlisten: { auth: gateway.internal:8080 }`,
      'c.yaml:5: listen.auth: gateway.internal:8080 is not loopback, so',
    ],
    [
      `${trusting}\nlisten: { auth: "[fd00::1]:1" }\n${inNetwork}`,
      'c.yaml:6: callers: a network alone is not enough on [fd00::1]:1: with trust: gateway',
    ],
    [
      `${verifying.replace('nginx: {}', 'nginx: { client_certificate: true }')}\nlisten: { auth: 10.0.0.1:1 }\n${inNetwork}`,
      'c.yaml:6: callers: a network alone is not enough on 10.0.0.1:1',
    ],
    [
      `${trusting}\nworkers: 2\naudit: {}`,
      'c.yaml:6: audit: needs a file: records of several workers would run together',
    ],
    [`${trusting}\nworkers: 0`, 'c.yaml:5: workers: '],
    [
      `${trusting}\ncallers: { certificates: [gw] }`,
      'c.yaml:5: callers.certificates: needs listen.auth.tls.client_ca_file',
    ],
    [
      `${trusting}\nlisten: { auth: unix:/a }\n${inNetwork}`,
      'c.yaml:6: callers.networks: cannot hold on a unix socket',
    ],
    [
      trusting.replace('any', '[]'),
      'c.yaml:4: token.audience: is upstream, but no host is known; name hosts in',
    ],
    [
      `${trusting.replace('any', '[], audience: a')}\nroutes: [{ match: { paths: [/a] }, token: { audience: upstream } }]`,
      'c.yaml:5: routes[0].token.audience: is upstream, but no host is known',
    ],
    [
      `${trusting.replace('any', '[], audience: a')}\ndefault_route: { token: { audience: null } }`,
      'c.yaml:5: default_route.token.audience: is upstream, but no host is known',
    ],
    [
      `${issuer}\ngateways: { nginx: {}, kong: {} }\ncredentials: [{ basic: { trust: gateway } }]`,
      'token.audience: is upstream, but no host is known',
    ],
    [
      trusting.replace('basic', 'client_certificate'),
      'c.yaml:3: credentials[0].client_certificate: can never be present: no gateway has',
    ],
    [
      `${issuer}\ngateways: { nginx: {} }\ntoken: { upstream_hosts: any }`,
      'c.yaml:1: credentials: is empty; name a kind of credential, or make every route anonymous',
    ],
    [
      `${issuer}\ngateways: { nginx: {} }\ntoken: { upstream_hosts: any }\ncredentials: []\nroutes: [{ match: { paths: [/a] }, anonymous: { client_id: a } }]\ndefault_route: {}`,
      'c.yaml:4: credentials: is empty',
    ],
    [
      `${trusting}\ndefault_route: { token: { headers: { X-A: subject } } }`,
      'c.yaml:5: default_route.token.headers.X-A: is not in token.headers, so where this route',
    ],
    [
      trusting.replace('basic: {', 'api_key: { header: x_custom_jwt,'),
      'c.yaml:3: credentials[0].api_key.header: is the header of the token',
    ],
  ])('refuses %j', (text, message) => {
    expect(messageOf(text)).toContain(message);
  });
});
