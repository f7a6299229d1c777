/** `npm run bench`: sets up what is missing, then measures the built service. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, installDependencies, root } from './setup.mjs';
import { installMissing } from './system-packages.mjs';

if (!existsSync('/proc/self/stat')) {
  console.error('countersign: CPU time is read from /proc, so this needs Linux');
  process.exit(1);
}
installDependencies();
build();
const missing = installMissing([
  { command: 'wrk', package: 'wrk' },
  { command: 'h2load', package: 'nghttp2-client' },
]);
if (missing.length > 0) {
  console.error(`countersign: please install ${missing.join(' and ')}, which make the load`);
  process.exit(1);
}
const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
const main = join(root, 'bench', 'main.ts');
const child = spawn(process.execPath, [tsx, main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// A terminal tells the child, too; it ends what it started.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
