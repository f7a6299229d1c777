import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  asNginx,
  basic,
  call,
  endAll,
  freshDirectory,
  listenOn,
  patience,
  start,
  threePorts,
  untilReady,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);
afterEach(endAll);

const root = join(import.meta.dirname, '..', '..');

/** A checkout as it is before anything was built; what was installed is there by reference. */
function copyCheckout(): string {
  const copy = freshDirectory();
  for (const part of ['src', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json']) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  // Each package by itself: whatever npm might do, it does to the copy.
  const modules = join(copy, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '.countersign-lock') {
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
  }
  cpSync(join(root, 'package-lock.json'), join(modules, '.countersign-lock'));
  return copy;
}

const has = (program: string) => spawnSync(program, ['--version']).status === 0;

(has('npm') && has('timeout') ? describe : describe.skip)('npm start', () => {
  it('builds what is not built, and serves the configuration that is there', async () => {
    const cwd = copyCheckout();
    const ports = await threePorts();
    writeFiles(cwd, {
      'countersign.yaml': `
issuer: http://127.0.0.1:${ports.public}
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
keys: { algorithm: ES256 }
drain: 0s
`,
    });
    // npm hands a signal to its shell only, so all of them get it; and what a test that was cut off
    // leaves behind ends by itself.
    const running = start('timeout', ['--kill-after=1', '120', 'npm', 'start'], {
      cwd,
      env: { npm_config_update_notifier: 'false' },
      killing: 'group',
    });
    await untilReady(running, ports.ops);
    expect(existsSync(join(cwd, 'dist', 'main.js'))).toBe(true);
    const ask = asNginx({ Authorization: basic('alice', 'secret') });
    expect((await call({ port: ports.auth, ...ask })).status).toBe(200);

    running.kill('SIGTERM');
    // Its output closes when the last of them has ended.
    await running.ended;
    await expect(call({ port: ports.auth, ...ask })).rejects.toThrow('ECONNREFUSED');
  });
});
