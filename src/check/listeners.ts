import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import type { Configuration } from '../config/schema/configuration.ts';
import { type Address, writeAddress } from '../config/schema/listen.ts';
import { isAnswering } from '../listen.ts';
import { readOps } from '../ops/read-ops.ts';
import type { Row } from './row.ts';

type Listen = Configuration['listen'];

/** Looks whether each listener could open its address, and leaves nothing there. */
export async function checkListeners(listen: Listen): Promise<readonly Row[]> {
  const listeners = Object.entries(listen).flatMap(([name, at]) => (at ? [{ name, at }] : []));
  // All are held until each was tried: two of them may name one port.
  const held: Server[] = [];
  const problems = await Promise.all(
    listeners.map(({ at }) => (at.path === undefined ? tryPort(at, held) : trySocket(at.path))),
  );
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  const isOurs = problems.includes(inUse) && (await isCountersign(listen.ops));
  return listeners.map(({ name, at }, index) => {
    const row = { what: `listen.${name}`, where: writeAddress(at) };
    const problem = problems[index];
    if (problem === undefined) return { ...row, result: 'good', why: '' };
    if (problem !== inUse || !isOurs) return { ...row, result: 'failed', why: problem };
    return { ...row, result: 'good', why: 'in use by the Countersign that runs' };
  });
}

const inUse = 'in use by another program, or named twice';

async function tryPort(at: Address, held: Server[]): Promise<string | undefined> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: at.host, port: at.port, exclusive: true }, resolve);
    });
    held.push(server);
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

/** A socket is a file, so none is made: the directory must be there and be writable. */
async function trySocket(path: string): Promise<string | undefined> {
  if (await isAnswering(path)) return inUse;
  return access(dirname(path), constants.W_OK).then(() => undefined, describe);
}

const meanings = new Map([
  ['EADDRINUSE', inUse],
  ['EADDRNOTAVAIL', 'not an address of this machine (EADDRNOTAVAIL)'],
  ['EACCES', 'not allowed to this user (EACCES)'],
  ['ENOENT', 'there is no such directory (ENOENT)'],
  ['ENOTFOUND', 'there is no such host (ENOTFOUND)'],
]);

function describe(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  return meanings.get(code) ?? `cannot be opened (${code})`;
}

/** After a change one checks, and restarts: then the addresses are in use, and by whom they should be. */
async function isCountersign(ops: Listen['ops']): Promise<boolean> {
  const metrics = await readOps(ops, '/metrics', 1_000).catch(() => '');
  return metrics.includes('\ncountersign_');
}
