/** `npm run dev`: serves from source, and starts anew on every change of it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installDependencies, root } from './setup.mjs';

installDependencies();
const args = process.argv.slice(2);
const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
const child = spawn(
  process.execPath,
  [
    tsx,
    'watch',
    '--clear-screen=false',
    join(root, 'src/main.ts'),
    'serve',
    ...(args.length > 0 ? args : ['--dev']),
  ],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 0));
