import { type TriedConfiguration, tryConfiguration } from '../assemble/try.ts';
import type { LoadedConfiguration } from '../config/load.ts';
import { ConfigurationError } from '../config/problems.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import type { Row } from './row.ts';

export interface Tried {
  readonly rows: readonly Row[];
  /** The configuration itself cannot be used. */
  readonly isUnusable: boolean;
}

/** Builds everything as serving would, with its keys and those of issuers. */
export async function tryParts(loaded: LoadedConfiguration): Promise<Tried> {
  const what = 'configuration';
  try {
    const tried = await tryConfiguration(loaded);
    const row = { what, where: loaded.file };
    return {
      isUnusable: false,
      rows: [
        { ...row, result: 'good', why: '' },
        ...tried.notes
          // Why an issuer's keys are not there stands in its own row.
          .filter(({ text }) => !text.startsWith('the keys of an issuer cannot be fetched'))
          .map(({ text }): Row => ({ ...row, result: 'warning', why: text })),
        keyRow(loaded.configuration, tried),
        ...tried.issuers.map(issuerRow),
      ],
    };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const rows = error.problems.map(({ file, line, key, message }): Row => {
      const where = line === undefined ? file : `${file}:${line}`;
      return { what: key || what, where, result: 'failed', why: message };
    });
    return { rows, isUnusable: true };
  }
}

function issuerRow({ issuer, state }: TriedConfiguration['issuers'][number]): Row {
  const row = { what: 'keys of an issuer', where: issuer };
  const { usableKeys, lastFailure = 'it shows no usable key, or not in time' } = state;
  if (usableKeys > 0) return { ...row, result: 'good', why: `${usableKeys} can be used` };
  return { ...row, result: 'warning', why: lastFailure };
}

function keyRow({ keys, state }: Configuration, { kid, keyNote }: TriedConfiguration): Row {
  const { private_jwk_file: file, pkcs11, vault_transit: vault } = keys;
  const where =
    (vault && `${vault.address}, key ${vault.key}`) ??
    (pkcs11 && `${pkcs11.module}, token ${pkcs11.token_label}`) ??
    file ??
    keys.directory ??
    (state.redis ? 'Redis' : 'in the configuration');
  const result = keyNote?.level === 'warning' ? 'warning' : 'good';
  return { what: 'keys', where, result, why: keyNote?.text ?? `${kid} signs` };
}
