import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { CheckResponse } from '../../src/gateways/grpc/messages.ts';
import { checkAt, closeClients } from '../support/check-client.ts';
import {
  asNginx,
  basic,
  call,
  countersign,
  endAll,
  freePorts,
  freshDirectory,
  listenOn,
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
  closeClients();
  unmountAll();
  await endAll();
});

const configuration = (audit: string, grpcPort = 0) => `
issuer: https://countersign.example.com
gateways: { apache: {}, nginx: {}${grpcPort === 0 ? '' : ', envoy_grpc: {}'} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a }
keys: { algorithm: ES256 }
audit: ${audit}
drain: 0s
`;

interface Recorded extends Serving {
  readonly mount: string;
  readonly file: string;
  readonly check: () => Promise<CheckResponse>;
}

async function serveRecorded(
  audit: string,
  { small = false, decisions = 'off' } = {},
): Promise<Recorded> {
  const directory = freshDirectory();
  const mount = join(directory, 'mount');
  mkdirSync(mount, { mode: 0o700 });
  if (small) expect(mountSmall(mount)).toBe(true);
  const [grpcPort = 0] = await freePorts(1);
  const serving = await serve(
    (ports) =>
      `${listenOn(ports)}\n  grpc: 127.0.0.1:${grpcPort}\n${configuration(audit, grpcPort)}log: { decisions: ${decisions} }
`,
    { directory },
  );
  return { ...serving, mount, file: join(mount, 'audit.jsonl'), check: checkAt(grpcPort) };
}

const ask = ({ ports }: Serving, password = 'secret') =>
  call({ port: ports.auth, ...asNginx({ Authorization: basic('alice', password) }) });
const askApache = ({ ports }: Serving) =>
  call({
    port: ports.auth,
    path: '/auth/apache',
    headers: {
      ...{ 'X-Forwarded-Method': 'GET', 'X-Forwarded-Proto': 'https' },
      ...{ 'X-Forwarded-Host': 'api.example.com', 'X-Forwarded-Uri': '/' },
      Authorization: basic('alice', 'secret'),
    },
  });

interface Line {
  readonly decision: string;
  readonly client_id?: string;
  readonly jti?: string;
}

/** The records; a line that a full disk cut off is none. */
function recordsIn(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    try {
      const read = JSON.parse(line);
      return read.event === 'decision' ? [read] : [];
    } catch {
      return [];
    }
  });
}
const recordsOf = (file: string) => recordsIn(readFileSync(file, 'utf8'));

async function metricOf({ ports }: Serving, name: string): Promise<string | undefined> {
  const { body } = await call({ port: ports.ops, path: '/metrics' });
  return body
    .split('\n')
    .find((line) => line.startsWith(`${name} `))
    ?.split(' ')[1];
}

const jtiOf = (jwt: unknown): string =>
  JSON.parse(Buffer.from(String(jwt).split('.')[1] ?? '', 'base64url').toString()).jti;

function fill(mount: string): void {
  spawnSync('dd', ['if=/dev/zero', `of=${join(mount, 'fill')}`, 'bs=4k']);
}

describe('the audit', () => {
  it('has a record of every answer when it arrives, over HTTP and gRPC', async () => {
    const serving = await serveRecorded('{ file: mount/audit.jsonl, required: true }');
    expect(statSync(serving.file).mode & 0o777).toBe(0o600);
    for (let count = 0; count < 20; count++) {
      const { headers } = await ask(serving, `secret-${count % 10}`);
      const last = recordsOf(serving.file).at(-1);
      expect(last).toMatchObject({ decision: 'allowed', client_id: 'alice', peer: '127.0.0.1' });
      expect(last?.jti).toBe(jtiOf(headers['x-custom-jwt']));
    }
    expect((await serving.check()).okResponse).toBeTruthy();
    expect(recordsOf(serving.file).at(-1)).toMatchObject({
      ...{ gateway: 'envoy_grpc', client_id: 'bob', peer: '127.0.0.1' },
    });
    await call({ port: serving.ports.auth, ...asNginx() });
    expect(recordsOf(serving.file).at(-1)).toMatchObject({
      ...{ gateway: 'nginx', decision: 'refused', reason: 'no_credential' },
    });
    expect(await metricOf(serving, 'countersign_audit_records_total{result="written"}')).toBe('22');
  });

  it('is nothing, and nowhere, unless it is wanted', async () => {
    const serving = await serve((ports) =>
      `${listenOn(ports)}${configuration('')}`.replace('audit: \n', ''),
    );
    expect((await ask(serving)).status).toBe(200);
    expect(recordsIn(serving.stdout())).toEqual([]);
    expect(await metricOf(serving, 'countersign_audit_up')).toBeUndefined();
  });

  it('goes to standard output where no file is named, among whole lines of the log', async () => {
    const serving = await serveRecorded('{ required: true }', { decisions: 'all' });
    const answers = await Promise.all(Array.from({ length: 300 }, () => ask(serving)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await until(() => recordsIn(serving.stdout()).length === 300, serving);
    serving.kill('SIGTERM');
    const { stdout } = await serving.ended;
    for (const line of stdout.split('\n').slice(0, -1))
      expect(() => JSON.parse(line)).not.toThrow();
  });

  whereMounting(
    'that is required lets nobody through on a full disk, until there is room',
    async () => {
      const serving = await serveRecorded('{ file: mount/audit.jsonl, required: true }', {
        small: true,
      });
      expect((await ask(serving)).status).toBe(200);
      fill(serving.mount);
      let allowed = 1;
      let answer = await ask(serving);
      for (; answer.status === 200 && allowed < 500; answer = await ask(serving)) allowed++;
      // nginx cannot carry a 503; Apache can.
      expect(answer.status).toBe(403);
      expect(answer.headers['x-custom-jwt']).toBeUndefined();
      expect((await askApache(serving)).status).toBe(503);
      expect((await askApache(serving)).headers['retry-after']).toBe('5');
      const denied = await serving.check();
      expect(denied.okResponse).toBeFalsy();
      expect(denied.deniedResponse?.status.code).toBe(403);
      expect((await call({ port: serving.ports.auth, ...asNginx() })).status).toBe(401);
      expect(recordsOf(serving.file)).toHaveLength(allowed);
      expect(await metricOf(serving, 'countersign_audit_up')).toBe('0');

      rmSync(join(serving.mount, 'fill'));
      expect((await ask(serving)).status).toBe(200);
      expect((await serving.check()).okResponse).toBeTruthy();
      expect(recordsOf(serving.file)).toHaveLength(allowed + 2);
      expect(await metricOf(serving, 'countersign_audit_up')).toBe('1');
    },
  );

  whereMounting('that is not required lets them through, counts, and says so once', async () => {
    const serving = await serveRecorded('{ file: mount/audit.jsonl }', { small: true });
    fill(serving.mount);
    const said = () => serving.stdout().match(/decisions are not recorded/g)?.length ?? 0;
    for (let count = 0; count < 500 && said() === 0; count++) {
      expect((await ask(serving)).status).toBe(200);
    }
    expect((await ask(serving)).status).toBe(200);
    expect((await serving.check()).okResponse).toBeTruthy();
    expect(said()).toBe(1);
    const failed = await metricOf(serving, 'countersign_audit_records_total{result="failed"}');
    expect(Number(failed)).toBeGreaterThanOrEqual(3);
  });

  it.each([
    [true, 403],
    [false, 200],
  ])('whose directory is gone, and required: %s, answers %i', async (required, status) => {
    const serving = await serveRecorded(`{ file: mount/audit.jsonl, required: ${required} }`);
    expect((await ask(serving)).status).toBe(200);
    renameSync(serving.mount, `${serving.mount}-away`);
    serving.kill('SIGHUP');
    await until(async () => {
      const answer = await ask(serving);
      return answer.status === status && (await metricOf(serving, 'countersign_audit_up')) === '0';
    }, serving);
    expect(Boolean((await serving.check()).okResponse)).toBe(!required);
  });

  it('is rotated by a rename, at the latest a second later, and by SIGHUP at once', async () => {
    const serving = await serveRecorded('{ file: mount/audit.jsonl, required: true }');
    let asked = 0;
    const asking = async () => {
      asked++;
      return (await ask(serving)).status === 200 && existsSync(serving.file);
    };
    for (const name of ['.1', '.2']) {
      await asking();
      renameSync(serving.file, serving.file + name);
      if (name === '.2') serving.kill('SIGHUP');
      await until(asking, serving);
    }
    const files = [`${serving.file}.1`, `${serving.file}.2`, serving.file];
    expect(files.flatMap(recordsOf)).toHaveLength(asked);
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
  });

  whereMounting('that cannot be opened at start ends the process with 78', async () => {
    const directory = freshDirectory();
    const mount = join(directory, 'mount');
    mkdirSync(mount);
    expect(mountSmall(mount)).toBe(true);
    remount(mount, 'ro');
    const text = `${listenOn(await threePorts())}${configuration('{ file: mount/audit.jsonl }')}`;
    writeFiles(directory, { 'countersign.yaml': text });
    const { code, stderr } = await countersign(['serve'], { cwd: directory });
    expect(code).toBe(78);
    expect(stderr).toMatch(/audit\.file: ".*mount\/audit\.jsonl" cannot be opened \(EROFS\)/);
  });
});
