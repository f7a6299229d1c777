import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The built program, as a user runs it. */
export const main = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

/** Generous: two cores may be shared by several test files. */
export const patience = 60_000;

export interface Ended {
  /** The exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Settles when the process has ended. */
  readonly ended: Promise<Ended>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

export interface StartOptions {
  readonly cwd?: string;
  /** Laid over the environment of the tests; undefined unsets. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What standard input holds. */
  readonly input?: string | Uint8Array;
  /** Whom `kill` tells: the process, or all that it started too, as a terminal does. */
  readonly killing?: 'process' | 'group';
}

const started = new Set<Started>();

/** Starts a program; what a test leaves running, `endAll` ends. */
export function start(
  command: string,
  args: readonly string[],
  { cwd = freshDirectory(), env = {}, input = '', killing = 'process' }: StartOptions = {},
): Started {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, COUNTERSIGN_CONFIG: undefined, ...env },
    detached: killing === 'group',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A program that does not read its input may have ended before it is written.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const running: Started = {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    kill: (signal) => (killing === 'group' ? killGroup(child.pid, signal) : child.kill(signal)),
  };
  started.add(running);
  ended.finally(() => started.delete(running)).catch(() => {});
  return running;
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    // It has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** For `afterEach`: ends what is still running, and removes the fresh directories. */
export async function endAll(): Promise<void> {
  for (const each of started) each.kill('SIGKILL');
  await Promise.all([...started].map(({ ended }) => ended));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
}

/** Runs the program to its end. */
export function countersign(args: readonly string[], options?: StartOptions): Promise<Ended> {
  return start(process.execPath, [main, ...args], options).ended;
}

const directories: string[] = [];

/** @returns an empty directory that `endAll` removes */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-'));
  directories.push(directory);
  return directory;
}

/** Writes files below a directory; their mode is 0600, as secrets should have it. */
export function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, contents] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, contents, { mode: 0o600 });
    chmodSync(path, 0o600);
  }
}

export interface Ports {
  readonly auth: number;
  readonly public: number;
  readonly ops: number;
}

/** The part of a configuration that says where to listen. */
export function listenOn(ports: Ports, auth = `127.0.0.1:${ports.auth}`): string {
  return `listen:
  auth: ${auth}
  public: 127.0.0.1:${ports.public}
  ops: 127.0.0.1:${ports.ops}`;
}

export interface Serving extends Started {
  readonly directory: string;
  readonly ports: Ports;
}

export interface ServeOptions {
  /** Where the configuration is written; a fresh directory unless given. */
  readonly directory?: string;
  /** Free ones unless given. */
  readonly ports?: Ports;
  /** Options of Node itself. */
  readonly node?: readonly string[];
  readonly env?: StartOptions['env'];
  /** Options of `serve`. */
  readonly args?: readonly string[];
}

/**
 * Each of Jest's workers has ports of its own, so that no two test files pick the same one before
 * they use it; all are below those that Linux gives to outgoing connections (32768 and up).
 */
const portsOfWorker = 5_600;
const firstPort = 10_000 + (Number(process.env['JEST_WORKER_ID'] ?? 1) % 4) * portsOfWorker;
let portsTaken = randomInt(portsOfWorker);

/** @returns ports that were free a moment ago, and that nobody else here was told */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = firstPort + (portsTaken++ % portsOfWorker);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Listens on a free port of this machine. @returns the port */
export function listenAnywhere(server: {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
}): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** A program that the set-up could not get; the tests that need it are skipped, and counted. */
export function isMissing(program: string): boolean {
  return (process.env['COUNTERSIGN_TEST_MISSING'] ?? '').split(',').includes(program);
}

export async function threePorts(): Promise<Ports> {
  const [auth = 0, open = 0, ops = 0] = await freePorts(3);
  return { auth, public: open, ops };
}

/** Serves a configuration, which the ports are filled into, and waits until it is ready. */
export async function serve(
  configuration: (ports: Ports) => string,
  { directory = freshDirectory(), ports: given, node = [], env = {}, args = [] }: ServeOptions = {},
): Promise<Serving> {
  const ports = given ?? (await threePorts());
  writeFiles(directory, { 'countersign.yaml': configuration(ports) });
  const running = start(process.execPath, [...node, main, 'serve', ...args], {
    cwd: directory,
    env,
  });
  await untilReady(running, ports.ops);
  return { ...running, directory, ports };
}

/** @throws with what the process wrote when it ends instead, or never gets ready */
export async function untilReady(running: Started, opsPort: number): Promise<void> {
  const isReady = async () => (await statusOf({ port: opsPort, path: '/readyz' })) === 200;
  await until(isReady, running);
}

/** Waits until a condition holds; fails with what the process wrote when it ends before. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  running?: Started,
): Promise<void> {
  let hasEnded = false;
  const notice = () => {
    hasEnded = true;
  };
  running?.ended.then(notice, notice);
  const deadline = Date.now() + patience / 2;
  while (!(await holds())) {
    if (hasEnded || Date.now() > deadline) {
      throw new Error(`never came true: ${running?.stderr()}\n${running?.stdout()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export interface Called {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request on a connection of its own, to a port of this machine or a unix socket. */
export function call({
  body,
  tls,
  ...options
}: {
  readonly path: string;
  readonly port?: number;
  readonly socketPath?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
  /** Certificates in PEM; plain HTTP when absent. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}): Promise<Called> {
  return new Promise((resolve, reject) => {
    const full = { host: '127.0.0.1', ...options, ...tls, agent: false as const };
    const sent = (tls ? httpsRequest : httpRequest)(full, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const { statusCode: status = 0, headers } = response;
      response.on('end', () => resolve({ status, headers, body: text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** @returns undefined when nobody answers there */
export async function statusOf(at: Parameters<typeof call>[0]): Promise<number | undefined> {
  return (await call(at).catch(() => undefined))?.status;
}

/** What nginx says about a request. */
export function asNginx(
  headers: Readonly<Record<string, string>> = {},
  url = 'https://api.example.com/orders',
) {
  const original = { 'X-Original-Method': 'GET', 'X-Original-URL': url };
  return { path: '/auth/nginx', headers: { ...original, ...headers } };
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
