import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing, start } from './process.ts';

const own = join(import.meta.dirname, '..', '..', '.cache', 'python', 'bin', 'python');

/** A Python that has PyJWT; undefined where the set-up could not make one. */
export const python = findPython();

function findPython(): string | undefined {
  const candidate = process.env['COUNTERSIGN_TEST_PYTHON'] ?? own;
  if (isMissing('python3') || isMissing('PyJWT') || !existsSync(candidate)) return undefined;
  return spawnSync(candidate, ['-c', 'import jwt, cryptography']).status === 0
    ? candidate
    : undefined;
}

export interface VerificationJob {
  readonly token: string;
  readonly algorithm: string;
  readonly audience: string;
  readonly issuer: string;
  /** Claims that must be there; those of an access token when absent. */
  readonly required?: readonly string[];
  /** Where the keys are, or the shared key itself in base64url. */
  readonly keys: { readonly jwks_url: string } | { readonly secret: string };
}

/** @returns what Python makes of a token: its claims, or the name of the error */
export async function verifyInPython({ keys, ...job }: VerificationJob): Promise<unknown> {
  const script = join(import.meta.dirname, 'verify.py');
  const input = JSON.stringify({ ...job, ...keys });
  const { code, stdout, stderr } = await start(python ?? 'python3', [script], { input }).ended;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
