/** `npm run chaos`: the tests that kill the service or its Redis at bad moments, many more times than `npm test`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installDependencies, root } from './setup.mjs';

installDependencies();
build();
// Sixteen rounds of what can befall Redis take ten minutes, for each way to keep keys.
const more = { COUNTERSIGN_CHAOS_ROUNDS: '200', COUNTERSIGN_CHAOS_REDIS_ROUNDS: '16' };
const env = { ...more, ...process.env };
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...['--testPathPatterns', 'test/e2e/([a-z-]+-killed|replicas)\\.test\\.ts$'],
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit', env },
);
process.exit(status ?? 1);
