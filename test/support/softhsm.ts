import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing, start, writeFiles } from './process.ts';

/** SoftHSM or what Node talks to it with is not here: its tests are skipped, and counted. */
export const softHsmIsMissing = isMissing('softhsm2-util') || isMissing('pkcs11js');

export const pin = '271828';
/** Where Debian has it. */
const module = '/usr/lib/softhsm/libsofthsm2.so';

export interface SoftHsm {
  readonly directory: string;
  /** Where the tokens are; without it the library sees none. */
  readonly tokens: string;
  /** What a process needs to see the token. */
  readonly env: { readonly SOFTHSM2_CONF: string };
  /** Makes a key pair and puts it on the token. */
  readonly addKey: (key: HsmKey) => Promise<void>;
}

export interface HsmKey {
  readonly type: 'RSA' | 'P-256' | 'P-384' | 'P-521';
  readonly label: string;
  /** `CKA_ID` in hex. */
  readonly id: string;
}

/** Makes a token `countersign` in a directory, with a file `pin` beside it. */
export async function createToken(directory: string): Promise<SoftHsm> {
  const tokens = join(directory, 'tokens');
  const file = join(directory, 'softhsm2.conf');
  mkdirSync(tokens);
  writeFiles(directory, {
    'softhsm2.conf': `directories.tokendir = ${tokens}\nlog.level = ERROR\n`,
    pin,
  });
  const env = { SOFTHSM2_CONF: file };
  const util = async (...args: string[]) => {
    const { code, stderr } = await start('softhsm2-util', [...args, '--pin', pin], {
      ...{ cwd: directory, env },
    }).ended;
    if (code !== 0) throw new Error(`softhsm2-util ${args[0]}: ${stderr}`);
  };
  await util('--init-token', '--free', '--label', 'countersign', '--so-pin', pin);
  return {
    ...{ directory, tokens, env },
    async addKey({ type, label, id }) {
      writeFiles(directory, { 'key.pem': makeKey(type) });
      const to = ['--token', 'countersign', '--label', label, '--id', id];
      await util('--import', join(directory, 'key.pem'), ...to);
    },
  };
}

function makeKey(type: HsmKey['type']): string {
  const { privateKey } =
    type === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: type });
  return String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
}

/** The part of a configuration that names a key of the token. */
export function keysOnToken(label: string, more = '', algorithm = 'RS256'): string {
  return `keys:
  algorithm: ${algorithm}
  pkcs11: { module: ${module}, token_label: countersign, key_label: ${label}, pin_file: pin${more} }`;
}
