import { join } from 'node:path';
import { type Started, start } from './process.ts';
import { programs } from './programs.ts';

/** @param home the folder that a recipe was laid into */
export function startEnvoy(home: string): Started {
  const options = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'error'];
  return start(programs.envoy, ['-c', 'envoy.yaml', ...options], {
    cwd: join(home, 'countersign'),
  });
}
