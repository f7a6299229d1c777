import { describe, expect, it } from '@jest/globals';
import { loadConfiguration } from '../../../src/config/load.ts';
import { ConfigurationError } from '../../../src/config/problems.ts';
import { RestartNeeded, refuseRestartOnly } from '../../../src/reload/restart-only.ts';

const rest = `
issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a }
`;
const load = (text: string) =>
  loadConfiguration({ text: `${rest}${text}`, file: '/c.yaml', env: {} });

function keysThatNeedRestart(before: string, after: string): string[] {
  try {
    refuseRestartOnly(load(before).configuration, load(after));
    return [];
  } catch (error) {
    if (!(error instanceof RestartNeeded)) throw error;
    return error.problems.map(({ key }) => key);
  }
}

const jwk = '{ kty: oct, k: c2VjcmV0 }';
const tls = (more = '') =>
  `listen: { public: { address: 127.0.0.1:1, tls: { cert_file: ${more}c, key_file: k } } }`;
const auth = (more = '') =>
  `listen: { auth: { address: 127.0.0.1:1, tls: { cert_file: c, key_file: k${more} } } }`;

describe('what needs a restart', () => {
  it.each([
    ['where it listens', '', 'listen: { ops: 127.0.0.1:9999 }', ['listen.ops']],
    ['whether it has TLS', 'listen: { public: 127.0.0.1:1 }', tls(), ['listen.public']],
    ['whether it asks callers', auth(), auth(', client_ca_file: ca'), ['listen.auth']],
    ['where keys are', '', 'keys: { directory: other }', ['keys.directory']],
    [
      'a key of one’s own instead',
      '',
      `keys: { private_jwk: ${jwk} }`,
      ['keys.directory', 'keys.private_jwk', 'keys.rotate'],
    ],
    ['when a key is published', '', 'keys: { rotate: { publish_ahead: 2h } }', ['keys.rotate']],
    ['where state is', '', 'state: { directory: other }', ['state.directory']],
    ['how a log reads', '', 'log: { format: pretty }', ['log.format']],
  ])('%s', (_, before, after, keys) => {
    expect(keysThatNeedRestart(before, after)).toEqual(keys);
  });

  it.each([
    ['other certificates', tls(), tls('other-')],
    ['another algorithm', '', 'keys: { algorithm: ES256, rotate: { every: never } }'],
    ['another key of one’s own', `keys: { private_jwk: ${jwk} }`, 'keys: { private_jwk_file: k }'],
    ['more paths for the JWKS', '', 'keys: { jwks_paths: [/k] }'],
    ['rules that are kept longer', '', 'state: { keep_rules: 100d }'],
    ['another level of the log', '', 'log: { level: debug, decisions: all }'],
    ['how long it drains', '', 'drain: 9s'],
  ])('not: %s', (_, before, after) => {
    expect(keysThatNeedRestart(before, after)).toEqual([]);
  });

  it('is told with the line, as what is wrong with a configuration is', () => {
    expect(() =>
      refuseRestartOnly(load('').configuration, load('log: { format: pretty }')),
    ).toThrow(
      new ConfigurationError([
        {
          ...{ file: '/c.yaml', line: 6, column: 8, key: 'log.format' },
          message: 'is not what the process was started with: restart it, or put this back',
        },
      ]).message,
    );
  });
});
