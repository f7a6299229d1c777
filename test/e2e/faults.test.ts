import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  asNginx,
  basic,
  call,
  endAll,
  freshDirectory,
  listenOn,
  main,
  patience,
  type Started,
  start,
  threePorts,
  until,
  untilReady,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);

/** Loaded before the program: signing for some users goes wrong, as only a mistake of ours would. */
const fault = `
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

const { sign } = crypto;
crypto.sign = (hash, input, ...rest) => {
  const claims = Buffer.from(String(input).split('.')[1] ?? '', 'base64url').toString();
  if (claims.includes('"client_id":"thrower"')) throw new Error('fault: ' + claims);
  if (claims.includes('"client_id":"forgetter"')) Promise.reject(new Error('fault: ' + claims));
  return sign(hash, input, ...rest);
};
syncBuiltinESMExports();
`;

describe('a mistake of ours in one request', () => {
  let running: Started;
  let port: number;
  beforeAll(async () => {
    const directory = freshDirectory();
    const ports = await threePorts();
    port = ports.auth;
    writeFiles(directory, {
      'fault.mjs': fault,
      'countersign.yaml': `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
keys: { algorithm: ES256 }
log: { decisions: all }
drain: 0s
`,
    });
    const args = ['--import', join(directory, 'fault.mjs'), main, 'serve'];
    running = start(process.execPath, args, { cwd: directory });
    await untilReady(running, ports.ops);
  });
  afterAll(endAll);

  const ask = (user: string) =>
    call({ port, ...asNginx({ Authorization: basic(user, 'secret') }) });
  const logged = (msg: string): Record<string, unknown>[] =>
    running
      .stdout()
      .split('\n')
      // The last line may be there in part.
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .filter((line) => line.msg === msg);

  /** An error may quote what a stranger sent, so its message is nothing for a log. */
  const expectDiscretion = () =>
    expect(running.stdout() + running.stderr()).not.toContain('fault: ');

  it('refuses that request, closed, and serves the next', async () => {
    const { status, headers, body } = await ask('thrower');
    expect(status).toBe(403);
    expect(headers['x-custom-jwt']).toBeUndefined();
    expect(JSON.parse(body)).toMatchObject({ status: 403 });
    expect((await ask('alice')).status).toBe(200);
    await until(() => logged('allowed').length > 0, running);
    expect(logged('a request failed')).toMatchObject([{ level: 'error', error: 'Error' }]);
    expect(logged('refused')).toMatchObject([{ reason: 'internal_error' }]);
    expectDiscretion();
  });

  it('does not end the process where nobody awaited it', async () => {
    expect((await ask('forgetter')).status).toBe(200);
    await until(() => logged('not awaited').length > 0, running);
    expect((await ask('alice')).status).toBe(200);
    expectDiscretion();
  });
});
