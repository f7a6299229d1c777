import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const main = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

export interface RunningProcess {
  readonly pid: number;
  /** What it wrote so far, standard output and error together. */
  readonly output: () => string;
  /** Ends it, and waits until it has ended. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Runs the built service with a configuration, until it is ready. */
export async function runCountersign(
  configuration: string,
  { directory, opsPort }: { directory: string; opsPort: number },
): Promise<RunningProcess> {
  const file = join(directory, 'countersign.yaml');
  writeFileSync(file, configuration);
  const running = run(process.execPath, [main, 'serve', '--config', file], directory);
  await until(`http://127.0.0.1:${opsPort}/readyz`, running);
  return running;
}

/** Starts a program; its working directory is a fresh one unless given. */
export function run(
  command: string,
  args: readonly string[],
  cwd = freshDirectory(),
): RunningProcess {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return {
    pid: child.pid ?? 0,
    output: () => output,
    stop: (signal = 'SIGKILL') => end(child, signal),
  };
}

export function freshDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'countersign-'));
}

/** @returns ports that were free a moment ago */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Waits until something answers 2xx there; fails with what the process wrote when it never does. */
export async function until(
  url: string,
  { output }: Pick<RunningProcess, 'output'>,
): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing good at ${url}: ${output()}`);
}

/** Waits until something listens on a port of this machine. */
export async function untilOpen(
  port: number,
  { output }: Pick<RunningProcess, 'output'>,
): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const probe = connect(port, '127.0.0.1', () => {
        probe.destroy();
        resolve(true);
      });
      probe.on('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}: ${output()}`);
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  return ended;
}

/** A program that the set-up could not get; the tests that need it are skipped, and counted. */
export function isMissing(program: string): boolean {
  return (process.env['COUNTERSIGN_TEST_MISSING'] ?? '').split(',').includes(program);
}
