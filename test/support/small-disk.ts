import { spawnSync } from 'node:child_process';
import { expect } from '@jest/globals';
import { freshDirectory } from './process.ts';

const mounted: string[] = [];

/** Only root may mount, and not in every container. @returns whether the directory is a small disk now */
export function mountSmall(directory: string): boolean {
  const options = ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', directory];
  if (spawnSync('mount', options).status !== 0) return false;
  mounted.push(directory);
  return true;
}

export function remount(directory: string, options: string): void {
  expect(spawnSync('mount', ['-o', `remount,${options}`, directory]).status).toBe(0);
}

/** For `afterEach`; before what the mounts are on is removed. */
export function unmountAll(): void {
  // Lazily: the service may still have its file open.
  for (const each of mounted.splice(0)) spawnSync('umount', ['-l', each]);
}

export const canMount = (() => {
  const directory = freshDirectory();
  return mountSmall(directory) && spawnSync('umount', [mounted.pop() ?? '']).status === 0;
})();
