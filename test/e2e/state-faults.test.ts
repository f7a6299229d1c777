import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  asNginx,
  basic,
  call,
  countersign,
  endAll,
  freshDirectory,
  listenOn,
  type Ports,
  patience,
  type Serving,
  serve,
  threePorts,
  until,
  writeFiles,
} from '../support/process.ts';
import { canMount, mountSmall, remount, unmountAll } from '../support/small-disk.ts';

jest.setTimeout(patience);

const whereMounting = canMount ? it : it.skip;

afterEach(async () => {
  unmountAll();
  await endAll();
});

const configuration = (ports: Ports, may = '[introspect, revoke, revoke-any]') => `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a, reuse: off }
keys: { algorithm: ES256 }
clients:
  - id: all
    secret_sha256: ${createHash('sha256').update('secret').digest('hex')}
    may: ${may}
    audiences: any
state: { directory: mount/state }
drain: 0s
`;

/** A directory with a `mount` in it, of its own small disk where `small`. */
function place({ small = false } = {}): { directory: string; mount: string; state: string } {
  const directory = freshDirectory();
  const mount = join(directory, 'mount');
  mkdirSync(mount, { mode: 0o700 });
  if (small) expect(mountSmall(mount)).toBe(true);
  return { directory, mount, state: join(mount, 'state') };
}

async function issue({ ports }: Serving): Promise<string> {
  const asked = asNginx({ Authorization: basic('alice', 'secret') });
  const { headers } = await call({ port: ports.auth, ...asked });
  return String(headers['x-custom-jwt']);
}

const post = ({ ports }: Serving, path: string, token: string) =>
  call({
    port: ports.public,
    path,
    method: 'POST',
    headers: {
      Authorization: basic('all', 'secret'),
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: `token=${token}`,
  });
const revoke = async (serving: Serving, token: string) =>
  (await post(serving, '/revoke', token)).status;
const isActive = async (serving: Serving, token: string): Promise<boolean> =>
  JSON.parse((await post(serving, '/introspect', token)).body).active;

async function storeIsUp({ ports }: Serving): Promise<string | undefined> {
  const { body } = await call({ port: ports.ops, path: '/metrics' });
  return /^countersign_revocation_store_up\{store="lmdb"\} (\d)$/m.exec(body)?.[1];
}

/** What the service logged with this message; the last line may be there in part. */
const logged = ({ stdout }: Pick<Serving, 'stdout'>, msg: string): { reason?: string }[] =>
  stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
    .filter((line) => line.msg === msg);

describe('a disk', () => {
  whereMounting(
    'that is full refuses revocations, and nothing else, until there is room',
    async () => {
      const { directory, mount } = place({ small: true });
      const serving = await serve(configuration, { directory });
      const [before, during] = [await issue(serving), await issue(serving)];
      expect(await revoke(serving, before)).toBe(200);

      // As much as goes on it, and then the rest of the last page.
      spawnSync('dd', ['if=/dev/zero', `of=${join(mount, 'fill')}`, 'bs=4k']);
      let status = 200;
      for (let tries = 0; tries < 500 && status === 200; tries++) {
        status = await revoke(serving, await issue(serving));
      }
      expect(status).toBe(503);
      expect(await storeIsUp(serving)).toBe('0');
      expect(await revoke(serving, during)).toBe(503);
      const tokens = await Promise.all(Array.from({ length: 10 }, () => issue(serving)));
      const statuses = await Promise.all(tokens.map((token) => revoke(serving, token)));
      expect(new Set(statuses)).toEqual(new Set([503]));
      const refused = await post(serving, '/revoke', during);
      expect(refused.headers['retry-after']).toBe('1');
      expect(await isActive(serving, during)).toBe(true);
      expect(await isActive(serving, before)).toBe(false);
      await until(() => logged(serving, 'a revocation failed').length > 2, serving);
      expect(logged(serving, 'a revocation failed')[0]?.reason).toMatch(/No space left on device$/);
      expect(logged(serving, 'not awaited')).toEqual([]);

      rmSync(join(mount, 'fill'));
      expect(await revoke(serving, during)).toBe(200);
      expect(await storeIsUp(serving)).toBe('1');
      serving.kill('SIGKILL');
      await serving.ended;
      const again = await serve(configuration, { directory });
      expect(await isActive(again, before)).toBe(false);
      expect(await isActive(again, during)).toBe(false);
    },
  );

  whereMounting('that is read-only at the start still tells what was revoked', async () => {
    const { directory, mount } = place({ small: true });
    const first = await serve(configuration, { directory });
    const [gone, good] = [await issue(first), await issue(first)];
    expect(await revoke(first, gone)).toBe(200);
    first.kill('SIGTERM');
    await first.ended;

    remount(mount, 'ro');
    const again = await serve(configuration, { directory });
    const said = () => logged(again, 'the state cannot be written: nothing can be revoked').length;
    await until(() => said() === 1, again);
    expect(await isActive(again, gone)).toBe(false);
    expect(await isActive(again, good)).toBe(true);
    expect(await storeIsUp(again)).toBe('0');
    expect(await revoke(again, good)).toBe(503);
    expect(await isActive(again, good)).toBe(true);
  });

  whereMounting('that is read-only and empty is no place for a service that revokes', async () => {
    const { directory, mount } = place({ small: true });
    remount(mount, 'ro');
    writeFiles(directory, { 'countersign.yaml': configuration(await threePorts()) });
    const { code, stderr } = await countersign(['serve'], { cwd: directory });
    expect(code).toBe(78);
    expect(stderr).toMatch(/state\.directory.*cannot be used \(E\w+\)/);
  });
});

describe('the state', () => {
  it('is not made where nobody may revoke', async () => {
    const { directory, state } = place();
    await serve((ports) => configuration(ports, '[introspect]'), { directory });
    expect(existsSync(state)).toBe(false);
  });

  it('is known where nobody may revoke any more', async () => {
    const { directory, state } = place();
    const first = await serve(configuration, { directory });
    const token = await issue(first);
    expect(await revoke(first, token)).toBe(200);
    expect(statSync(state).mode & 0o777).toBe(0o700);
    first.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
    const again = await serve((ports) => configuration(ports, '[introspect]'), { directory });
    expect(await isActive(again, token)).toBe(false);
    expect(await revoke(again, token)).toBe(403);
  });

  it.each<[string, (state: string) => void, RegExp]>([
    ['open to others', (state) => chmodSync(state, 0o707), /others can use this directory/],
    [
      'damaged',
      (state) => writeFileSync(join(state, 'revocations.mdb'), 'x'.repeat(65_536)),
      /not a file of this service, or damaged/,
    ],
    [
      'something else',
      (state) => {
        rmSync(state, { recursive: true });
        writeFileSync(state, '');
      },
      /cannot be used \(EEXIST\)/,
    ],
  ])('stops the start when it is %s', async (_, spoil, message) => {
    const { directory, state } = place();
    mkdirSync(state, { mode: 0o700 });
    spoil(state);
    writeFiles(directory, { 'countersign.yaml': configuration(await threePorts()) });
    const { code, stderr } = await countersign(['serve'], { cwd: directory });
    expect(code).toBe(78);
    expect(stderr).toMatch(message);
  });

  it('is left alone by check', async () => {
    const { directory, state } = place();
    writeFiles(directory, { 'countersign.yaml': configuration(await threePorts()) });
    expect((await countersign(['check'], { cwd: directory })).code).toBe(0);
    expect(existsSync(state)).toBe(false);
  });
});
