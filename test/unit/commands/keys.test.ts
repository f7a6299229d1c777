import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { run } from '../../../src/commands/keys.ts';
import { ConfigurationError } from '../../../src/config/problems.ts';
import { addKey, readKeyDirectory } from '../../../src/keys/directory-store.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import type { SigningAlgorithm } from '../../../src/keys/signer.ts';
import { now, runWith } from './io.ts';

const broken = new ConfigurationError([
  { file: 'c.yaml', line: 3, column: 1, key: 'issuer', message: 'no' },
]);

const root = await mkdtemp(join(tmpdir(), 'countersign-keys-command-'));
afterAll(() => rm(root, { recursive: true }));
const [ec, okp, hmac] = await Promise.all([
  generatePrivateKey('ES256'),
  generatePrivateKey('Ed25519'),
  generatePrivateKey('HS256'),
]);
const pem = join(root, 'ec.pem');
await writeFile(pem, ec.key.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(root, 'keys-'));
});

const configured = (algorithm: SigningAlgorithm) => ({
  issuer: 'https://i',
  keys: { algorithm, directory },
});

describe('countersign keys list', () => {
  it('shows the keys, newest first, and which one signs', async () => {
    await addKey(directory, hmac, now - 86_400_000);
    await addKey(directory, okp, now - 1000);
    await addKey(directory, ec, now);
    const { code, out } = await runWith(run, ['list', '--directory', directory]);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['kid', 'alg', 'created', 'state'],
      [ec.kid, 'ES256', '2027-01-15T08:00:00Z', 'signs'],
      [okp.kid, 'Ed25519', '2027-01-15T07:59:59Z', 'published'],
      [hmac.kid, 'HS256', '2027-01-14T08:00:00Z', 'verifies'],
      [''],
    ]);
  });

  it('shows the keys of the configuration', async () => {
    await addKey(directory, ec, now);
    const { asked, out } = await runWith(run, ['list', '--config', 'c.yaml'], {
      configured: configured('ES256'),
    });
    expect(asked).toEqual(['c.yaml']);
    expect(out).toMatch(new RegExp(`${ec.kid}.*signs`));
  });

  it('says of no key that it signs when the next start makes one', async () => {
    await addKey(directory, ec, now);
    const { out } = await runWith(run, ['list'], { configured: configured('RS256') });
    expect(out).toMatch(new RegExp(`${ec.kid}.*published`));
    expect(out).not.toContain('signs');
  });

  it('shows the one key that the configuration names', async () => {
    const { out } = await runWith(run, ['list'], {
      configured: { issuer: 'https://i', keys: { algorithm: 'RS256', privateKeyFile: pem } },
    });
    expect(out).toMatch(new RegExp(`\n${ec.kid} +ES256 +- +signs\n`));
  });

  it('fails when the directory is not there', async () => {
    const missing = join(directory, 'none');
    const { code, err } = await runWith(run, ['list', '--directory', missing]);
    expect(code).toBe(1);
    expect(err).toContain(missing);
  });
});

describe('countersign keys import', () => {
  it('puts the key into the directory, and says that it signs next', async () => {
    const { code, out } = await runWith(run, ['import', pem], { configured: configured('ES256') });
    expect(code).toBe(0);
    expect(out).toContain(ec.kid);
    expect(out).toMatch(/signs from the next start on/);
    expect(await readKeyDirectory(directory)).toMatchObject([{ kid: ec.kid, createdAt: now }]);
  });

  it.each([
    ['another algorithm is configured', [], 'RS256'],
    ['nobody said which is configured', ['--directory'], 'ES256'],
  ] as const)('names the setting that it needs when %s', async (_, options, algorithm) => {
    const place = options.length > 0 ? ['--directory', directory] : [];
    const { out } = await runWith(run, ['import', pem, ...place], {
      configured: configured(algorithm),
    });
    expect(out).toMatch(/Set keys\.algorithm to ES256/);
  });

  it('fails with a reason for a bad file, a file for all to read, and a key that is there', async () => {
    const bad = join(root, 'bad');
    await writeFile(bad, 'placeholder', { mode: 0o600 });
    const open = join(root, 'open');
    await writeFile(open, 'placeholder', { mode: 0o604 });
    const importing = (file: string, ...more: string[]) =>
      runWith(run, ['import', file, '--directory', directory, ...more]);
    expect(await importing(bad)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/placeholder/),
    });
    expect(await importing(open)).toMatchObject({ code: 1, err: expect.stringMatching(/chmod/) });
    expect(await importing(pem, '--password-file', open)).toMatchObject({ code: 1 });
    expect(await importing(pem)).toMatchObject({ code: 0 });
    expect(await importing(pem)).toMatchObject({ code: 1, err: expect.stringMatching(/already/) });
  });

  it('fails when the configuration has no key directory', async () => {
    const { code, err } = await runWith(run, ['import', pem], {
      configured: { issuer: 'https://i', keys: { algorithm: 'ES256', privateKeyFile: pem } },
    });
    expect(code).toBe(1);
    expect(err).toMatch(/no keys\.directory/);
  });
});

describe('countersign keys', () => {
  it.each([
    [[]],
    [['rotat']],
    [['list', 'x']],
    [['list', '--what']],
    [['list']],
    [['import']],
    [['import', 'a', 'b', '--directory', 'd']],
    [['list', '--directory', 'd', '--config', 'c']],
  ])('is used wrongly as %j', async (args) => {
    const { code, err } = await runWith(run, args);
    expect(code).toBe(2);
    expect(err).toMatch(/Usage: countersign keys/);
  });

  it('passes on what is wrong with the configuration', async () => {
    const { code, err } = await runWith(run, ['list'], { configured: broken });
    expect(code).toBe(78);
    expect(err).toBe('c.yaml:3: issuer: no\n');
  });

  it('explains itself', async () => {
    const { code, out } = await runWith(run, ['import', '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/--password-file/);
  });
});
