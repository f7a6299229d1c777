import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** What the whole test run needs beside Node: a command that shows it is there, and its package. */
const needed = [
  { command: 'nginx', package: 'nginx-light' },
  { command: 'openssl', package: 'openssl' },
  { command: 'chromium', package: 'chromium' },
  { command: 'python3', package: 'python3' },
];

const cache = join(root, '.cache');
/** A Python of our own, with PyJWT: the verifier in another language. */
export const python = join(cache, 'python', 'bin', 'python');

/** Installs what is missing where that is possible, and names what stays missing. */
export function installSystemPackages() {
  const missing = needed.filter(({ command }) => !isThere(command));
  const canInstall = process.getuid?.() === 0 && isThere('apt-get');
  if (missing.length > 0 && canInstall) aptInstall(missing.map((each) => each.package));
  const left = needed.filter(({ command }) => !isThere(command)).map(({ command }) => command);
  if (!installPyJwt(canInstall)) left.push('PyJWT');
  return left;
}

function isThere(command) {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  return (
    spawnSync('sh', ['-c', `command -v ${command}`], { env: { ...process.env, PATH: path } })
      .status === 0
  );
}

function aptInstall(packages) {
  console.error(`countersign: installing ${packages.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  spawnSync('apt-get', ['update', '-q'], options);
  spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], options);
}

function installPyJwt(canInstall) {
  const works = () => spawnSync(python, ['-c', 'import jwt, cryptography']).status === 0;
  if (existsSync(python) && works()) return true;
  if (!isThere('python3')) return false;
  mkdirSync(cache, { recursive: true });
  const venv = () => spawnSync('python3', ['-m', 'venv', join(cache, 'python')]).status === 0;
  if (!venv() && canInstall) {
    aptInstall(['python3-venv']);
    venv();
  }
  console.error('countersign: installing PyJWT for the tests');
  spawnSync(python, ['-m', 'pip', 'install', '-q', 'pyjwt[crypto]'], { stdio: ['ignore', 2, 2] });
  return works();
}
