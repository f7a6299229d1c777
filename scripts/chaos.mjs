/** `npm run chaos`: the tests that kill the service at bad moments, many more times than `npm test`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installDependencies, root } from './setup.mjs';

installDependencies();
build();
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...['--testPathPatterns', 'test/e2e/[a-z-]+-killed\\.test\\.ts$'],
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit', env: { COUNTERSIGN_CHAOS_ROUNDS: '200', ...process.env } },
);
process.exit(status ?? 1);
