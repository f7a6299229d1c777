import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createDirectoryStore } from '../../../src/keys/directory-store.ts';
import { addKey, readImportedKey } from '../../../src/keys/import.ts';
import { thumbprint } from '../../../src/keys/public-jwk.ts';
import type { SigningAlgorithm } from '../../../src/keys/signer.ts';
import { usualPolicy } from '../../support/rotation.ts';

const root = await mkdtemp(join(tmpdir(), 'countersign-import-'));
afterAll(() => rm(root, { recursive: true }));
const at = (name: string) => join(root, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });

const newKey = {
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ec: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  ed25519: ['-algorithm', 'ED25519'],
};
/** Without the program, which makes all the files, these tests are skipped and counted. */
const isHere = spawnSync('openssl', ['version']).status === 0;
const describeFiles = isHere ? describe : describe.skip;

for (const [kind, options] of isHere ? Object.entries(newKey) : []) {
  openssl('genpkey', ...options, '-out', at(`${kind}.pem`));
  openssl('req', '-x509', '-key', at(`${kind}.pem`), '-out', at(`${kind}.crt`), '-subj', '/CN=t');
}

/** Packs a key and its certificate with the openssl program. */
function pack(kind: string, options: readonly string[], password = 'secret'): string {
  const file = at(`${kind}${options.join('')}.p12`);
  const files = ['-inkey', at(`${kind}.pem`), '-in', at(`${kind}.crt`), '-out', file];
  openssl('pkcs12', '-export', ...files, '-passout', `pass:${password}`, ...options);
  return file;
}

async function importFile(file: string, password: string, algorithm?: SigningAlgorithm) {
  return readImportedKey({ contents: await readFile(file), password, algorithm });
}

async function kidOf(kind: string): Promise<string> {
  return thumbprint(createPrivateKey(await readFile(at(`${kind}.pem`))));
}

describeFiles('importing PKCS#12', () => {
  const styles: [string, string[]][] = [
    ['modern (PBES2, AES, SHA-256)', []],
    ['legacy (RC2, 3DES, SHA-1)', ['-legacy']],
    ['without the certificate', ['-nocerts']],
    ['with nothing encrypted', ['-keypbe', 'NONE', '-certpbe', 'NONE']],
  ];
  const kinds = [
    ['rsa', 'RS256'],
    ['ec', 'ES256'],
    ['ed25519', 'Ed25519'],
  ];
  const cases = kinds.flatMap(([kind = '', alg = '']) =>
    styles.map(([style, options]) => [kind, style, options, alg] as const),
  );
  it.each(cases)('takes %s, %s', async (kind, _, options, alg) => {
    const key = await importFile(pack(kind, options), 'secret');
    expect(key).toMatchObject({ alg, kid: await kidOf(kind) });
  });

  it('takes an empty password', async () => {
    expect((await importFile(pack('ec', ['-nomac'], ''), '')).alg).toBe('ES256');
  });

  it('gives the configured algorithm to a key that fits it', async () => {
    expect((await importFile(pack('rsa', []), 'secret', 'PS384')).alg).toBe('PS384');
  });

  it('refuses a wrong password without repeating it', async () => {
    const importing = importFile(pack('rsa', []), 'wrong-password');
    await expect(importing).rejects.toThrow(/wrong password, or damaged/);
    await expect(importing).rejects.not.toThrow(/wrong-password/);
  });

  it('refuses a file with a certificate only', async () => {
    const file = at('certificate.p12');
    openssl(
      'pkcs12',
      '-export',
      '-nokeys',
      '-in',
      at('rsa.crt'),
      '-out',
      file,
      '-passout',
      'pass:s',
    );
    await expect(importFile(file, 's')).rejects.toThrow(/no private key/);
  });

  it('refuses other DER, and DER that is cut short', async () => {
    openssl('pkey', '-in', at('ec.pem'), '-outform', 'DER', '-out', at('ec.der'));
    await expect(importFile(at('ec.der'), '')).rejects.toThrow(/cannot be opened/);
    const contents = (await readFile(pack('ec', []))).subarray(0, 100);
    const cut = { contents, password: 'secret', algorithm: undefined };
    expect(() => readImportedKey(cut)).toThrow(/not PKCS#12/);
  });
});

describeFiles('importing other files', () => {
  it('takes PEM', async () => {
    expect((await importFile(at('ec.pem'), '')).kid).toBe(await kidOf('ec'));
  });

  it('signs at once where there is no other key, and is staged beside one', async () => {
    const store = createDirectoryStore(at('keys'));
    for (const kind of ['rsa', 'ec']) {
      const key = await importFile(at(`${kind}.pem`), '');
      await addKey(store, key, usualPolicy, 5_000);
      await expect(addKey(store, key, usualPolicy, 5_000)).rejects.toThrow(/already/);
    }
    const { keys = [] } = (await store.read()) ?? {};
    expect(keys.map(({ alg, state, until }) => [alg, state, until])).toEqual([
      ['ES256', 'staged', 5_000 + usualPolicy.publishAhead],
      ['RS256', 'active', Number.MAX_SAFE_INTEGER],
    ]);
  });
});
