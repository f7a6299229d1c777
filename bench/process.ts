import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A program that runs beside this one; what it says goes to a file, as in production. */
export interface Running {
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly output: () => string;
  readonly end: () => Promise<void>;
}

const running = new Set<ChildProcess>();

export function start(
  program: string,
  args: readonly string[],
  { directory }: { readonly directory: string },
): Running {
  const log = join(directory, 'output.log');
  const file = openSync(log, 'w');
  const startedAt = Date.now();
  // Of its own settings none, such as NODE_OPTIONS, which would change what is measured.
  const env = { PATH: process.env['PATH'] };
  const child = spawn(program, args, { cwd: directory, env, stdio: ['ignore', file, file] });
  closeSync(file);
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('error', () => {});
  return {
    pid: child.pid ?? 0,
    startedAt,
    output: () => readFileSync(log, 'utf8'),
    async end() {
      child.kill('SIGKILL');
      await ended;
      running.delete(child);
    },
  };
}

/** @returns the first match in what a program says; waits for it */
export async function untilSaid(
  { pid, output }: Running,
  pattern: RegExp,
): Promise<RegExpExecArray> {
  const patience = Date.now() + 60_000;
  while (Date.now() < patience) {
    const found = pattern.exec(output());
    if (found !== null) return found;
    if (!isAlive(pid)) break;
    await wait(5);
  }
  throw new Error(`It never said ${pattern}, but:\n${output().slice(0, 2000)}`);
}

function isAlive(pid: number): boolean {
  try {
    // A child that has ended stays a zombie until Node has seen it.
    return pid > 0 && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const execute = promisify(execFile);

/** @returns standard output */
export async function runToEnd(program: string, args: readonly string[]): Promise<string> {
  return (await execute(program, args, { maxBuffer: 2 ** 26 })).stdout;
}

/** Runs with an empty directory, and ends all that was started when the work is done or fails. */
export async function withDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  const endAll = () => {
    for (const child of running) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  };
  const interrupt = () => {
    endAll();
    process.exit(130);
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await work(directory);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    endAll();
  }
}

/** @returns ports of this machine that nobody listens on */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listenAnywhere() {
  const server = createServer();
  return new Promise<typeof server>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(server)),
  );
}
