import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import {
  endAll,
  freshDirectory,
  main,
  occupy,
  patience,
  release,
  type Started,
  start,
  untilReady,
} from '../support/process.ts';

jest.setTimeout(patience);
afterEach(endAll);

/** The ports that the built-in configuration listens on; someone may be using them for a while. */
async function areFree(ports: readonly number[]): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    const servers = await Promise.all(ports.map(occupy));
    await Promise.all(servers.map((server) => server && release(server)));
    if (servers.every((server) => server !== undefined)) return true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return false;
}

const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const canServeDev = has('curl') && (await areFree([8080, 8081, 9090]));

/** Runs what was printed, as it was printed. */
async function expectPrintedCommandsToWork(running: Started, cwd: string): Promise<void> {
  const [first = '', second = '', ...more] = running
    .stderr()
    .split('\n\n')
    .filter((paragraph) => paragraph.startsWith('  '));
  expect(more).toEqual([]);

  const token = await start('sh', ['-c', first], { cwd }).ended;
  expect(token.stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  const [, jwt = ''] = /^X-Custom-Jwt: (\S+)\r$/m.exec(token.stdout) ?? [];
  expect(decodeProtectedHeader(jwt)).toMatchObject({ alg: 'RS256', typ: 'JWT' });

  const introspected = await start('sh', ['-c', second], { cwd }).ended;
  expect(JSON.parse(introspected.stdout)).toMatchObject({
    active: true,
    iss: 'http://127.0.0.1:8081',
    client_id: 'alice',
    aud: 'https://api.example.com',
  });
}

(canServeDev ? describe : describe.skip)('serve --dev', () => {
  it('prints a command that gets a token, and one that introspects it, and both work', async () => {
    const cwd = freshDirectory();
    const running = start(process.execPath, [main, 'serve', '--dev'], { cwd });
    await untilReady(running, 9090);
    await expectPrintedCommandsToWork(running, cwd);
    const secret = join(cwd, 'data', 'dev-client-secret');
    expect(statSync(secret).mode & 0o777).toBe(0o600);

    running.kill('SIGINT');
    expect((await running.ended).code).toBe(0);
  });
});

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
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  cpSync(join(root, 'package-lock.json'), join(modules, '.countersign-lock'), { force: true });
  return copy;
}

(canServeDev && has('npm') ? describe : describe.skip)('npm start', () => {
  it('builds, and serves the built-in configuration where there is no other', async () => {
    const cwd = copyCheckout();
    const running = start('npm', ['start'], { cwd, env: { npm_config_update_notifier: 'false' } });
    await untilReady(running, 9090);
    expect(existsSync(join(cwd, 'dist', 'main.js'))).toBe(true);
    await expectPrintedCommandsToWork(running, cwd);

    // The pipes close when the service itself has ended, too.
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ signal: null });
  });
});
