import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

/** Says what is being done, and does it; ends the process when it fails. */
export function run(what, command, args, options = {}) {
  console.error(`countersign: ${what}`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (status !== 0) {
    console.error(`countersign: ${command} ${args.join(' ')} failed`);
    process.exit(status ?? 1);
  }
}

/** Installs what package-lock.json names, unless that was done already. */
export function installDependencies() {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.countersign-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  // Standard output may be a pipe that a program reads.
  run('installing dependencies', 'npm', ['ci', '--no-audit', '--no-fund'], {
    stdio: ['ignore', 2, 2],
  });
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, lock);
}

/** Compiles src to dist, unless dist is newer than all of it. */
export function build() {
  const built = join(root, 'dist', 'main.js');
  const newest = Math.max(...sources(join(root, 'src')).map((file) => statSync(file).mtimeMs));
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return;
  run('building', process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], {
    stdio: ['ignore', 2, 2],
  });
}

function sources(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
