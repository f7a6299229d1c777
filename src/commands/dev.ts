import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { devConfiguration } from '../config/dev.ts';
import type { LoadedConfiguration } from '../config/load.ts';

/**
 * Prepares `serve --dev`: makes the secret of its introspection client at first start, and says how
 * to get a first token and how to introspect it.
 */
export function prepareDev(
  directory: string,
  stderr: { write(text: string): unknown },
): LoadedConfiguration {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const secretFile = join(directory, 'dev-client-secret');
  const secret = readOrMakeSecret(secretFile);
  stderr.write(`
Serving the built-in configuration for trying things out, on this machine only.
Every credential is believed: never put this in front of anything real.

A token, as nginx would ask for one:

  curl -si http://127.0.0.1:8080/auth/nginx -u alice:secret \\
    -H 'X-Original-Method: GET' -H 'X-Original-URL: https://api.example.com/orders'

The token, introspected:

  token=$(curl -si http://127.0.0.1:8080/auth/nginx -u alice:secret \\
    -H 'X-Original-Method: GET' -H 'X-Original-URL: https://api.example.com/orders' \\
    | tr -d '\\r' | sed -n 's/^X-Custom-Jwt: //p'); \\
  curl -s http://127.0.0.1:8081/introspect -u "dev:$(cat ${secretFile})" -d "token=$token"

`);
  const secretSha256 = createHash('sha256').update(secret).digest('hex');
  return devConfiguration({ directory, secretSha256 });
}

function readOrMakeSecret(file: string): string {
  try {
    // `wx` fails when the file is there, also if it has just come.
    writeFileSync(file, randomBytes(24).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8');
}
