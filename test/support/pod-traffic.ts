import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { Container, Network } from './container.ts';
import { probe } from './pod.ts';
import { freshDirectory, main, until, writeFiles } from './process.ts';

export interface Secret {
  /** Contents by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Shown where the commands show them, in their order: an API key, the secret of a client. */
  readonly shown: readonly string[];
}

const gathering = 'set -o pipefail; { sh -ec "$1" 2>&1 >/dev/null; } | cat';

/**
 * Makes a Secret with the commands that docs/kubernetes.md gives; only the cluster is a stand-in.
 *
 * @param first how the block of commands begins
 * @param others files that the commands expect to be there
 */
export function makeSecret(first: string, others: Readonly<Record<string, string>> = {}): Secret {
  const page = readFileSync(join(import.meta.dirname, '../../docs/kubernetes.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block);
  const commands = blocks.find((block) => block.startsWith(first)) ?? 'exit 1';
  const directory = freshDirectory();
  writeFiles(directory, {
    ...others,
    'bin/countersign': `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`,
    // Keeps what `create secret generic` is given.
    'bin/kubectl': `#!/bin/sh
mkdir -p made
for each in "$@"; do case "$each" in --from-file=*) cp "\${each#--from-file=}" made/ ;; esac; done
`,
  });
  for (const name of readdirSync(join(directory, 'bin'))) {
    chmodSync(join(directory, 'bin', name), 0o755);
  }
  // Into a pipe: `tee /dev/stderr` would open a socket in vain, and empty a file.
  const { status, stdout: shown } = spawnSync('bash', ['-ec', gathering, 'bash', commands], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(directory, 'bin')}:${process.env['PATH']}` },
  });
  expect(status).toBe(0);
  const made = join(directory, 'made');
  return {
    files: Object.fromEntries(
      readdirSync(made).map((name) => [name, readFileSync(join(made, name), 'utf8')]),
    ),
    shown: [...shown.matchAll(/^# The key.*\n(\S+)$/gm)].map(([, key = '']) => key),
  };
}

const xOriginal = ['X-Original-Method: GET', 'X-Original-URL: https://api.example.com/orders'];
const original = { Method: 'GET', Proto: 'https', Host: 'api.example.com', Uri: '/orders' };
const xForwarded = Object.entries(original).map(([name, value]) => `X-Forwarded-${name}: ${value}`);

const saidBy: Readonly<Record<string, readonly string[]>> = {
  'ingress-nginx': xOriginal,
  traefik: xForwarded,
  kong: xForwarded,
  envoy: ['Host: api.example.com', 'X-Forwarded-Proto: https'],
};

/** Asks as a gateway does. @param lines more header lines */
export function ask(network: Network, gateway: string, ...lines: readonly string[]) {
  const headers = [...(saidBy[gateway] ?? []), ...lines].flatMap((line) => ['-H', line]);
  return network.ask(`http://127.0.0.1:8080/auth/${gateway}/orders`, ...headers);
}

export function tokenOf(head: string | undefined): string {
  return /^X-Custom-Jwt: (\S+)\r?$/im.exec(head ?? '')?.[1] ?? '';
}

/** @returns the claims of the token in header lines, if it verifies by the JWKS */
export async function claimsOf(network: Network, head: string | undefined) {
  const jwks = JSON.parse(network.ask('http://127.0.0.1:8081/jwks')?.body ?? '');
  return (await jwtVerify(tokenOf(head), createLocalJWKSet(jwks))).payload;
}

/** Waits as a kubelet does; then the other probes have to hold, too. */
export async function untilReady(container: object, running: Container, network: Network) {
  await until(() => probe(container, 'startup', network) === 200, running);
  await until(() => probe(container, 'readiness', network) === 200, running);
  expect(probe(container, 'liveness', network)).toBe(200);
}
