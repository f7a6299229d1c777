import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { countersign, endAll, freshDirectory, patience, writeFiles } from '../support/process.ts';

jest.setTimeout(patience);
afterEach(endAll);

const good = `issuer: https://countersign.example.com
listen:
  auth: 127.0.0.1:0
  public: 127.0.0.1:0
  ops: 127.0.0.1:0
gateways: { nginx: {} }
credentials:
  - basic: { trust: gateway }
token:
  audience: https://orders.internal
default_route: {}
keys:
  algorithm: ES256
`;

const pem = (type: 'rsa' | 'ec', options: object) =>
  String(
    generateKeyPairSync(type as 'rsa', options as { modulusLength: number }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }),
  );
const shortHmac = JSON.stringify({
  kty: 'oct',
  alg: 'HS256',
  k: randomBytes(16).toString('base64url'),
});

interface Case {
  readonly what: string;
  /** A line of the good configuration, and what stands there instead. */
  readonly replace: string;
  readonly by: string;
  /** What the message names as the place, and says. */
  readonly at: string;
  readonly says: RegExp;
  readonly files?: Readonly<Record<string, string>>;
  readonly mode?: number;
}

const keyFile = { replace: '  algorithm: ES256', by: '  private_jwk_file: signing.key', at: '' };

const cases: readonly Case[] = [
  {
    what: 'an auth listener for everyone',
    replace: '  auth: 127.0.0.1:0',
    by: '  auth: 0.0.0.0:8080',
    at: '3: listen.auth',
    says: /0\.0\.0\.0:8080 is not loopback, so callers must say who may call it/,
  },
  {
    what: 'a key file that is still a placeholder',
    ...keyFile,
    at: '12: keys',
    says: /signing\.key: The key is neither a JWK \(JSON\) nor PEM; is it still a placeholder\?/,
    files: { 'signing.key': '<private RSA key in JWK string>\n' },
  },
  {
    what: 'a key file that others can read',
    ...keyFile,
    at: '12: keys',
    says: /signing\.key: others can use this key file; run chmod 600 on it/,
    files: { 'signing.key': pem('ec', { namedCurve: 'P-256' }) },
    mode: 0o644,
  },
  {
    what: 'an RSA key of 1024 bits',
    ...keyFile,
    at: '12: keys',
    says: /signing\.key: The RSA key has 1024 bits; use 2048 to 8192/,
    files: { 'signing.key': pem('rsa', { modulusLength: 1024 }) },
  },
  {
    what: 'an HMAC key of 16 bytes',
    ...keyFile,
    at: '12: keys',
    says: /signing\.key: The HMAC key has 16 bytes; HS256 needs at least 32/,
    files: { 'signing.key': shortHmac },
  },
  {
    what: 'an unknown key',
    replace: '  audience: https://orders.internal',
    by: '  audience: https://orders.internal\n  expire_in: 5m',
    at: '11: token.expire_in',
    says: /did you mean "expires_in"\?/,
  },
  {
    what: 'an expression that does not compile',
    replace: '  audience: https://orders.internal',
    by: '  audience: https://orders.internal\n  claims:\n    tenant: request.headers[',
    at: '12: token.claims.tenant',
    says: /request\.headers\[|expected|unexpected/i,
  },
  {
    what: 'a requirement that is not true or false',
    replace: 'default_route: {}',
    by: 'default_route:\n  require: size(request.path)',
    at: '12: default_route.require',
    says: /bool/,
  },
  {
    what: 'two routes of which neither is more specific',
    replace: 'default_route: {}',
    by: 'routes:\n  - match: { paths: [/orders/**] }\n  - match: { paths: [/orders/**] }',
    at: '13: routes[1].match',
    says: /ties with routes\[0\]/,
  },
  {
    what: 'a variable that is not set',
    replace: '  audience: https://orders.internal',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of the configuration
    by: '  audience: ${COUNTERSIGN_TEST_UNSET}',
    at: '10: token.audience',
    says: /needs the environment variable COUNTERSIGN_TEST_UNSET, which is not set/,
  },
  {
    what: 'an htpasswd file that is not there',
    replace: '  - basic: { trust: gateway }',
    by: '  - basic: { verify: { htpasswd_file: users.htpasswd } }',
    at: '8: credentials[0].basic.verify.htpasswd_file',
    says: /users\.htpasswd cannot be read/,
  },
];

describe('serve refuses to start with', () => {
  it.each(cases)('$what, and says where', async ({ replace, by, at, says, files, mode }) => {
    const cwd = freshDirectory();
    expect(good).toContain(`${replace}\n`);
    writeFiles(cwd, { 'countersign.yaml': good.replace(replace, () => by), ...files });
    if (mode !== undefined) chmodSync(join(cwd, 'signing.key'), mode);
    const { code, stderr } = await countersign(['serve'], { cwd });
    expect(stderr).toMatch(says);
    expect(stderr.startsWith(`countersign.yaml:${at}: `)).toBe(true);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(78);
  });

  it('several mistakes, and names them all', async () => {
    const cwd = freshDirectory();
    const text = good.replace('gateways: { nginx: {} }', 'gateways: { ngnix: {} }');
    writeFiles(cwd, { 'countersign.yaml': text.replace('ES256', 'ES999') });
    const { code, stderr } = await countersign(['serve'], { cwd });
    expect(stderr).toMatch(/^countersign\.yaml:6: gateways\.ngnix.*"nginx"/m);
    expect(stderr).toMatch(/^countersign\.yaml:13: keys\.algorithm: "ES999" is not known/m);
    expect(code).toBe(78);
  });
});
