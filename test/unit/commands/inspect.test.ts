import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { run } from '../../../src/commands/inspect.ts';
import { ConfigurationError } from '../../../src/config/problems.ts';
import { createDirectoryStore } from '../../../src/keys/directory-store.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { createKeyRing } from '../../../src/keys/key-ring.ts';
import type { PrivateKey } from '../../../src/keys/private-key.ts';
import { firstRing } from '../../../src/keys/rotation.ts';
import { createSigner } from '../../../src/keys/signer.ts';
import { usualPolicy } from '../../support/rotation.ts';
import { now, runWith } from './io.ts';

const broken = new ConfigurationError([
  { file: 'c.yaml', line: 3, column: 1, key: 'issuer', message: 'no' },
]);

const root = await mkdtemp(join(tmpdir(), 'countersign-inspect-'));
afterAll(() => rm(root, { recursive: true }));
const [ours, stranger, hmac] = await Promise.all([
  generatePrivateKey('ES256'),
  generatePrivateKey('ES256'),
  generatePrivateKey('HS256'),
]);
const directory = join(root, 'keys');
await createDirectoryStore(directory).write(firstRing(ours, usualPolicy, now));
const keys = createKeyRing([ours]).publicKeys;
const jwks = join(root, 'jwks.json');
await writeFile(jwks, JSON.stringify({ keys }));
const issuer = 'https://countersign.example.com';
const seconds = now / 1000;
const claims = { iss: issuer, sub: 'alice', iat: seconds - 7200, exp: seconds + 1800 };

async function token(payload: object = claims, { kid, alg, key }: PrivateKey = ours) {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg, kid })}.${encode(payload)}`;
  return `${input}.${await createSigner({ kid, alg, key }).sign(input)}`;
}
const jwt = await token();
const configured = {
  issuer,
  keys: { algorithm: 'ES256' as const, directory, policy: usualPolicy },
};

describe('countersign inspect', () => {
  it('shows header, claims with times for people, and the verdict', async () => {
    const { code, out } = await runWith(run, [jwt, '--jwks', jwks, '--issuer', issuer]);
    expect(code).toBe(0);
    expect(out).toBe(`Header
  alg: "ES256"
  kid: "${ours.kid}"

Claims
  iss: "${issuer}"
  sub: "alice"
  iat: ${claims.iat}  (2027-01-15T06:00:00.000Z, 2 hours ago)
  exp: ${claims.exp}  (2027-01-15T08:30:00.000Z, in 30 minutes)

Verdict
  valid: signed with ${ours.kid}
`);
  });

  it.each([
    ['standard input', [], `${jwt}\n`],
    ['standard input, asked for', ['-'], jwt],
    ['a copied header', [`Bearer ${jwt}`], ''],
  ])('takes the token from %s', async (_, args, stdin) => {
    expect((await runWith(run, [...args, '--directory', directory], { stdin })).code).toBe(0);
  });

  it('verifies with the configuration, issuer included', async () => {
    expect((await runWith(run, [jwt], { configured })).code).toBe(0);
    const other = await token({ ...claims, iss: 'https://other' });
    const { asked, code, out } = await runWith(run, [other, '--config', 'c'], { configured });
    expect(asked).toEqual(['c']);
    expect(code).toBe(1);
    expect(out).toMatch(/not from https:\/\/countersign/);
  });

  it('says so when nobody named the issuer', async () => {
    const { code, out } = await runWith(run, [jwt, '--jwks', jwks]);
    expect(code).toBe(0);
    expect(out).toMatch(/give --issuer to check/);
  });

  it.each([
    ['no keys', () => [jwt], 'not verified'],
    ['another issuer', () => [jwt, '--jwks', jwks, '--issuer', 'https://x'], 'not from https://x'],
    [
      'an expired token',
      async () => [await token({ ...claims, exp: seconds }), '--jwks', jwks],
      'it has expired',
    ],
    [
      'a token without expiry',
      async () => [await token({ iss: issuer }), '--jwks', jwks],
      'no time of expiry',
    ],
    [
      'an unknown key',
      async () => [await token(claims, stranger), '--jwks', jwks],
      'not among those known',
    ],
    [
      'a forged token',
      async () => [await token(claims, { ...stranger, kid: ours.kid }), '--jwks', jwks],
      'signature is wrong',
    ],
  ])('exits 1 with %s', async (_, args, verdict) => {
    const { code, out } = await runWith(run, await args());
    expect(code).toBe(1);
    expect(out).toContain('Claims');
    expect(out).toContain(verdict);
  });

  it('exits 1 for what is no JWT', async () => {
    const { code, err, out } = await runWith(run, ['opaque', '--jwks', jwks]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/not a JWT/);
  });

  it('lets no token write to the terminal', async () => {
    const hostile = await token({ ...claims, '\u009b2J': '\u001b[31m\u202egnp.exe\u2028' });
    const { out } = await runWith(run, [hostile, '--jwks', jwks]);
    expect(out).toMatch(/\\u\{9b\}2J: "\\u001b\[31m\\u\{202e\}gnp/);
    expect(out).not.toMatch(/[\u001b\u009b\u202e\u2028]/);
  });

  it('shows a time that no calendar has as it is', async () => {
    const odd = await token({ ...claims, nbf: 1e15, auth_time: 'noon', updated_at: seconds + 30 });
    const { out } = await runWith(run, [odd, '--jwks', jwks]);
    expect(out).toContain('nbf: 1000000000000000\n');
    expect(out).toContain('auth_time: "noon"\n');
    expect(out).toContain('in 30 seconds)');
  });
});

describe('keys for inspect', () => {
  it('come over http from this machine', async () => {
    const server = createServer((req, res) => {
      if (req.url === '/moved') res.writeHead(302, { location: '/jwks' }).end();
      else if (req.url === '/large') res.end(JSON.stringify({ keys, x: 'x'.repeat(2 ** 21) }));
      else if (req.url === '/jwks') res.end(JSON.stringify({ keys }));
      else res.writeHead(404).end('{"keys":[]}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const code = async (path: string) => (await runWith(run, [jwt, '--jwks', base + path])).code;
    expect(await code('/jwks')).toBe(0);
    for (const path of ['/moved', '/large', '/missing']) expect(await code(path)).toBe(1);
    server.closeAllConnections();
    server.close();
  });

  it('may be among others, and need not name their algorithm', async () => {
    const file = join(root, 'mixed.json');
    const [jwk] = keys;
    const mixed = [
      { kty: 'oct', kid: 'h', k: 'AAAA' },
      null,
      { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'broken' },
      { kty: 'RSA', kid: 'x', alg: 'RSA-OAEP' },
      { ...jwk, alg: undefined },
    ];
    await writeFile(file, JSON.stringify({ keys: mixed }));
    expect((await runWith(run, [jwt, '--jwks', file])).code).toBe(0);
  });

  it('never include a secret that a key set shows to everybody', async () => {
    const file = join(root, 'hmac.json');
    const secret = { ...hmac.key.export({ format: 'jwk' }), kid: hmac.kid, alg: 'HS256' };
    await writeFile(file, JSON.stringify({ keys: [secret] }));
    const { code, out } = await runWith(run, [await token(claims, hmac), '--jwks', file]);
    expect(code).toBe(1);
    expect(out).toMatch(/not among those known/);
  });

  it.each([
    [2, [jwt, '--jwks', 'http://idp.example.com/jwks']],
    [2, [jwt, '--jwks', 'http://127.0.0.1.evil.example/jwks']],
    [2, [jwt, '--jwks', 'https://[']],
    [2, [jwt, '--jwks', jwks, '--directory', directory]],
    [2, [jwt, jwt]],
    [2, [jwt, '--key', 'x']],
    [1, [jwt, '--jwks', join(root, 'none')]],
    [1, [jwt, '--jwks', directory]],
    [1, [jwt, '--directory', join(root, 'none')]],
  ])('that cannot be used end in %i', async (code, args) => {
    const answer = await runWith(run, args);
    expect(answer.code).toBe(code);
    expect(answer.err).not.toBe('');
  });

  it('of a broken configuration end in 78', async () => {
    const { code, err } = await runWith(run, [jwt], { configured: broken });
    expect({ code, err }).toEqual({ code: 78, err: 'c.yaml:3: issuer: no\n' });
  });

  it('are explained', async () => {
    expect((await runWith(run, ['--help'])).out).toMatch(/--jwks/);
  });
});
