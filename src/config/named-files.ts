import type { Configuration } from './schema/configuration.ts';
import { kinds } from './schema/kinds.ts';
import { listRows, visitValues } from './table.ts';

/** Watched by what uses them, and counting without a reload: see `createCredentialFiles`. */
const followed = ['htpasswd_file', 'keys_file', 'ca_file', 'jwks_file'];
/** Where keys, state and traces are does not change while the process runs. */
const fixed = ['state', 'keys.pkcs11', 'keys.vault_transit', 'traces'];

/** @param steps where a setting is that names a file */
export function isReadByReload(steps: readonly string[]): boolean {
  const key = steps.join('.');
  return (
    !followed.includes(steps.at(-1) ?? '') && !fixed.some((place) => key.startsWith(`${place}.`))
  );
}

/** @returns the files that a configuration names, and that a reload reads anew */
export function listNamedFiles(configuration: Configuration): string[] {
  const files = new Set<string>();
  for (const { steps, schema } of listRows()) {
    if (schema.title !== kinds.file || !isReadByReload(steps)) continue;
    visitValues(configuration, steps, (holder, name) => files.add(String(holder[name])));
  }
  return [...files];
}
