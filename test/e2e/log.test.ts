import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  asNginx,
  basic,
  call,
  endAll,
  freshDirectory,
  listenOn,
  main,
  patience,
  start,
  threePorts,
  until,
  untilReady,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);
afterEach(endAll);

/** Starts a service whose standard output the shell sends somewhere. */
async function startWritingTo(redirection: string) {
  const directory = freshDirectory();
  const ports = await threePorts();
  writeFiles(directory, {
    'countersign.yaml': `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: https://orders.internal }
default_route: {}
keys: { algorithm: ES256 }
log: { decisions: all }
drain: 0s
`,
  });
  const command = `exec "${process.execPath}" "${main}" serve ${redirection}`;
  const running = start('bash', ['-c', command], { cwd: directory, killing: 'group' });
  await untilReady(running, ports.ops);
  const headers = { Authorization: basic('alice', 'secret') };
  const decide = () => call({ port: ports.auth, ...asNginx(headers) });
  const lostLines = async () => {
    const { body } = await call({ port: ports.ops, path: '/metrics' });
    return Number(/^countersign_log_lines_lost_total (\d+)$/m.exec(body)?.[1]);
  };
  return { decide, lostLines, running };
}

describe('a log that cannot be written', () => {
  it.each([
    ['whose disk is full', '> /dev/full'],
    ['that nobody reads, and whose pipe is full', '> >(sleep 600)'],
  ])('delays no answer: one %s', async (_what, redirection) => {
    const { decide, lostLines } = await startWritingTo(redirection);
    expect(await lostLines()).toBe(0);
    // A line of the log has some 300 bytes; 4 MiB of them may wait.
    await until(async () => {
      const answers = await Promise.all(Array.from({ length: 200 }, decide));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      return (await lostLines()) > 0;
    });
  });

  it('is no reason to end otherwise than well', async () => {
    const { running } = await startWritingTo('> /dev/full');
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
