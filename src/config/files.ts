import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import type { Finding, Path } from './problems.ts';
import { callerSecrets } from './schema/callers.ts';
import { secretHash, secretSha256 } from './schema/clients.ts';
import type { Configuration } from './schema/configuration.ts';
import { kinds } from './schema/kinds.ts';
import { secretText } from './schema/values.ts';
import { listRows, visitValues } from './table.ts';

const names = new Set<string | undefined>([kinds.file, kinds.writtenFile, kinds.directory]);

/** Makes every file name in a configuration absolute, in place. */
export function resolveFileNames(configuration: Configuration, directory: string): void {
  for (const { steps, schema } of listRows()) {
    if (!names.has(schema.title)) continue;
    visitValues(configuration, steps, (holder, key) => {
      holder[key] = resolve(directory, String(holder[key]));
    });
  }
}

/**
 * Reads the files that hold secrets, and sets the keys that they stand for, in place.
 *
 * @returns what is wrong with the files; never what they hold
 */
export function readSecretFiles({ callers, credentials, clients }: Configuration): Finding[] {
  const findings: Finding[] = [];
  function read<T>(file: string | undefined, path: Path, schema: z.ZodType<T>): T | undefined {
    if (file === undefined) return undefined;
    const content = readContent(file, schema);
    if ('value' in content) return content.value;
    findings.push({ path, message: `${JSON.stringify(file)} ${content.problem}` });
    return undefined;
  }

  if (callers) {
    callers.secrets = read(callers.secret_file, ['callers', 'secret_file'], callerSecrets) ?? [];
  }
  for (const [index, { bearer }] of credentials.entries()) {
    const verify = bearer?.verify;
    if (!verify || !('introspection' in verify)) continue;
    const { introspection } = verify;
    const path = ['credentials', index, 'bearer', 'verify', 'introspection', 'client_secret_file'];
    introspection.client_secret ??= read(introspection.client_secret_file, path, secretText);
  }
  for (const [index, client] of clients.entries()) {
    const at = (key: string): Path => ['clients', index, key];
    const { secret_sha256_file, secret_hash_file } = client;
    client.secret_sha256 ??= read(secret_sha256_file, at('secret_sha256_file'), secretSha256);
    client.secret_hash ??= read(secret_hash_file, at('secret_hash_file'), secretHash);
  }
  return findings;
}

function readContent<T>(
  file: string,
  schema: z.ZodType<T>,
): { readonly value: T } | { readonly problem: string } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    return { problem: describeReadFailure(error) };
  }
  if (text === '') return { problem: 'is empty' };
  const parsed = schema.safeParse(text);
  return parsed.success
    ? { value: parsed.data }
    : { problem: parsed.error.issues[0]?.message ?? 'is not valid' };
}

/** @returns such as `cannot be read (ENOENT)` */
export function describeReadFailure(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code?.startsWith('ERR_ENCODING') ? 'is not UTF-8' : `cannot be read (${code})`;
}
