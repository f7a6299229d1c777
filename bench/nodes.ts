import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** A Node that runs the service. */
export interface Node {
  /** As `v24.21.0`. */
  readonly version: string;
  readonly program: string;
}

export const thisNode: Node = { version: process.version, program: process.execPath };

/** Those that are compared. */
export const majors: readonly number[] = [20, 24, 26];

/**
 * This Node, or another that comes as a package, where `.ci/run` keeps it too.
 *
 * @throws when it cannot be installed
 */
export function findNode(major: number): Node {
  if (process.version.startsWith(`v${major}.`)) return thisNode;
  const home = join(import.meta.dirname, '..', '.cache', `node-${major}`);
  const name = `node-linux-${process.arch}`;
  const program = join(home, 'node_modules', name, 'bin', 'node');
  if (!existsSync(program)) install(home, `${name}@${major}`);
  if (!existsSync(program)) throw new Error(`Node ${major} cannot be installed`);
  return { program, version: execFileSync(program, ['--version'], { encoding: 'utf8' }).trim() };
}

function install(home: string, name: string): void {
  console.error(`countersign: getting ${name}`);
  mkdirSync(home, { recursive: true });
  const args = ['install', '--silent', '--no-save', '--no-package-lock', '--prefix', home, name];
  spawnSync('npm', args, { stdio: ['ignore', 2, 2] });
}
