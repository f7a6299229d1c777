/** `npm test`: sets up what is missing, then runs every test that this machine can run. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installDependencies, root } from './setup.mjs';
import { installSystemPackages, python } from './system-packages.mjs';

installDependencies();
build();
const missing = installSystemPackages();
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      // Where Debian keeps servers; not on every user's path.
      PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
      COUNTERSIGN_TEST_PYTHON: python,
      COUNTERSIGN_TEST_MISSING: missing.join(','),
    },
  },
);
if (missing.length > 0) {
  console.log(`Not here, so the tests that need them were skipped: ${missing.join(', ')}`);
}
process.exit(status ?? 1);
