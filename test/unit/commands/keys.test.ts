import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { run } from '../../../src/commands/keys.ts';
import { ConfigurationError } from '../../../src/config/problems.ts';
import { createDirectoryStore } from '../../../src/keys/directory-store.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { firstRing, stage } from '../../../src/keys/rotation.ts';
import type { SigningAlgorithm } from '../../../src/keys/signer.ts';
import { usualPolicy as policy } from '../../support/rotation.ts';
import { now, runWith } from './io.ts';

const broken = new ConfigurationError([
  { file: 'c.yaml', line: 3, column: 1, key: 'issuer', message: 'no' },
]);

const root = await mkdtemp(join(tmpdir(), 'countersign-keys-command-'));
afterAll(() => rm(root, { recursive: true }));
const [ec, okp] = await Promise.all([generatePrivateKey('ES256'), generatePrivateKey('Ed25519')]);
const pem = join(root, 'ec.pem');
await writeFile(pem, ec.key.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(root, 'keys-'));
});

const configured = (algorithm: SigningAlgorithm) => ({
  issuer: 'https://i',
  keys: { algorithm, directory, policy: { ...policy, algorithm } },
});

const store = () => createDirectoryStore(directory);
const hour = 3_600_000;
/** One key that signs, and one that is to follow it. */
async function fill(): Promise<void> {
  const first = firstRing(ec, policy, now - hour);
  await store().write(first);
  await store().write(stage(first, okp, policy, now));
}

describe('countersign keys list', () => {
  it('shows the keys: what each does, since when and how long', async () => {
    await fill();
    const { code, out } = await runWith(run, ['list', '--directory', directory]);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['kid', 'alg', 'state', 'since', 'until'],
      [okp.kid, 'Ed25519', 'staged', '2027-01-15T08:00:00Z', '2027-01-15T09:00:00Z'],
      [ec.kid, 'ES256', 'active', '2027-01-15T07:00:00Z', '-'],
      [''],
    ]);
  });

  it('shows the keys of the configuration', async () => {
    await fill();
    const { asked, out } = await runWith(run, ['list', '--config', 'c.yaml'], {
      configured: configured('ES256'),
    });
    expect(asked).toEqual(['c.yaml']);
    expect(out).toMatch(new RegExp(`${ec.kid}.*active`));
  });

  it('shows the one key that the configuration names', async () => {
    const { out } = await runWith(run, ['list'], {
      configured: { issuer: 'https://i', keys: { algorithm: 'RS256', privateKeyFile: pem } },
    });
    expect(out).toMatch(new RegExp(`\n${ec.kid} +ES256 +active`));
  });

  it('fails when the directory has none', async () => {
    const { code, err } = await runWith(run, ['list', '--directory', directory]);
    expect(code).toBe(1);
    expect(err).toContain(directory);
  });
});

describe('countersign keys rotate', () => {
  it('publishes a new key, which signs later', async () => {
    await store().write(firstRing(ec, policy, now - hour));
    const { code, out } = await runWith(run, ['rotate'], { configured: configured('Ed25519') });
    const [staged, active] = (await store().read())?.keys ?? [];
    expect([code, staged?.state, staged?.alg, active?.kid]).toEqual([
      0,
      'staged',
      'Ed25519',
      ec.kid,
    ]);
    expect(out).toBe(
      `${staged?.kid} (Ed25519) is published, and signs from 2027-01-15T09:00:00Z on.\n`,
    );
  });

  it('makes no second one while one waits', async () => {
    await fill();
    const { code, err } = await runWith(run, ['rotate', '--directory', directory]);
    expect([code, (await store().read())?.keys.length]).toEqual([1, 2]);
    expect(err).toMatch(/published already, and signs from 2027-01-15T09:00:00Z/);
  });

  it('shows the plan, and changes nothing', async () => {
    await fill();
    const { code, out } = await runWith(run, ['rotate', '--plan'], {
      configured: configured('ES256'),
    });
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['time', 'kid', 'what'],
      ['2027-01-15T09:00:00Z', okp.kid, 'it signs'],
      ['2027-01-15T09:00:00Z', ec.kid, 'it is published without its private half'],
      ['2027-01-15T10:36:00Z', ec.kid, 'it is gone'],
      [''],
    ]);
    expect((await store().read())?.version).toBe(2);
  });

  it('drops a compromised key at once, and says what that breaks', async () => {
    await fill();
    const { code, out } = await runWith(run, ['rotate', '--now', '--compromised'], {
      configured: configured('ES256'),
    });
    const ring = await store().read();
    expect([code, ring?.keys.map(({ state }) => state)]).toEqual([0, ['active']]);
    expect(ring?.dropped.map(({ kid }) => kid).sort()).toEqual([ec.kid, okp.kid].sort());
    expect(out).toMatch(new RegExp(`Dropped .*${ec.kid}`));
    expect(out).toMatch(/What this breaks/);
    expect(out).toMatch(/after 300 s/);
  });

  it('fails where there are no keys yet', async () => {
    for (const more of [[], ['--plan'], ['--now', '--compromised']]) {
      const { code, err } = await runWith(run, ['rotate', '--directory', directory, ...more]);
      expect([code, err]).toEqual([1, `${directory}: there are no keys yet\n`]);
    }
  });
});

describe('countersign keys import', () => {
  it('makes the key the first, which signs', async () => {
    const { code, out } = await runWith(run, ['import', pem], { configured: configured('ES256') });
    expect(code).toBe(0);
    expect(out).toContain(ec.kid);
    expect(out).toMatch(/It is the only key, and signs/);
    expect((await store().read())?.keys).toMatchObject([{ kid: ec.kid, state: 'active' }]);
  });

  it('publishes the key beside another, and says when it signs', async () => {
    await store().write(firstRing(okp, policy, now));
    const { out } = await runWith(run, ['import', pem], { configured: configured('ES256') });
    expect(out).toMatch(/signs from 2027-01-15T09:00:00Z on\.\n$/);
  });

  it('names the setting that it needs when another algorithm is configured', async () => {
    const { out } = await runWith(run, ['import', pem], { configured: configured('RS256') });
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
    [['rotate', '--now', '--directory', 'd']],
    [['rotate', '--compromised', '--directory', 'd']],
    [['rotate', '--plan', '--now', '--compromised', '--directory', 'd']],
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
