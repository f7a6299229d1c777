import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Image } from './image.ts';
import { freshDirectory, type Started, start, until } from './process.ts';

/** What is mounted into a container. */
export interface Mount {
  /** A directory here. */
  readonly source: string;
  /** Where it is seen. */
  readonly path: string;
  readonly readOnly: boolean;
}

/** A network of its own: nothing but loopback, which all containers in it share, as those of a pod do. */
export interface Network {
  readonly pid: number;
  /** Asks with curl from within. @returns status, header lines and body; undefined when nobody answers */
  readonly ask: (
    url: string,
    ...args: readonly string[]
  ) => { status: number; head: string; body: string } | undefined;
}

export async function createNetwork(): Promise<Network> {
  const script = 'ip link set lo up && echo up && exec sleep infinity';
  const holder = start('unshare', ['--net', 'sh', '-c', script]);
  await until(() => holder.stdout() === 'up\n', holder);
  return { pid: holder.pid, ask: (url, ...args) => ask(holder.pid, url, args) };
}

function ask(pid: number, url: string, args: readonly string[]) {
  const all = [`--net=/proc/${pid}/ns/net`, 'curl', '-si', '--max-time', '10', ...args, url];
  let answer: string;
  try {
    answer = execFileSync('nsenter', all, { encoding: 'utf8' });
  } catch {
    return undefined;
  }
  const end = answer.indexOf('\r\n\r\n');
  const status = Number(/^HTTP\/\S+ (\d+)/.exec(answer)?.[1]);
  return { status, head: answer.slice(0, end), body: answer.slice(end + 4) };
}

export interface ContainerOptions {
  readonly network: Network;
  readonly args?: readonly string[];
  readonly mounts?: readonly Mount[];
  readonly env?: Readonly<Record<string, string>>;
  /** `uid:gid`; the image's unless given. */
  readonly user?: string;
  readonly supplementaryGroup?: string;
  /** Names of this machine, beside localhost. */
  readonly hosts?: readonly string[];
}

export interface Container extends Started {
  /** Tells the process in the container, as a runtime does. */
  readonly signal: (signal: NodeJS.Signals) => void;
}

/**
 * Runs an image as a runtime with a restricted pod does: its own processes and mounts, a root that
 * cannot be written, no capabilities, no way to get more; the service is process 1.
 */
export function runContainer(image: Image, options: ContainerOptions): Container {
  const { network, args = image.cmd, mounts = [], env = {}, user = image.user } = options;
  const { hosts = [] } = options;
  // What a runtime lays over an image: places to mount to, and the names of the machine.
  const [layer = '', work = '', root = ''] = ['layer', 'work', 'root'].map(() => freshDirectory());
  for (const { path } of [...mounts, { path: '/proc' }, { path: '/dev' }, { path: '/etc' }]) {
    mkdirSync(join(layer, path), { recursive: true });
  }
  for (const each of [layer, root]) chmodSync(each, 0o755);
  writeFileSync(join(layer, 'etc/hosts'), `127.0.0.1 localhost ${hosts.join(' ')}\n`);
  const script = [
    'set -e',
    `mount -t overlay overlay -o "lowerdir=${image.root},upperdir=${layer},workdir=${work}" "${root}"`,
    `mount -t proc proc "${root}/proc"`,
    `mount -t tmpfs -o mode=755 tmpfs "${root}/dev"`,
    `for each in null zero random urandom; do touch "${root}/dev/$each"; mount --bind /dev/$each "${root}/dev/$each"; done`,
    ...mounts.map(({ source, path }) => `mount --bind "${source}" "${root}${path}"`),
    ...mounts
      .filter(({ readOnly }) => readOnly)
      .map(({ path }) => `mount -o remount,ro,bind "${root}${path}"`),
    `mount -o remount,ro,bind "${root}"`,
    `ln -s /proc/self/fd/1 "${root}/dev/stdout"`,
    // As a runtime gives it: a pipe that the user of the process may open anew. (Node gives sockets.)
    ...(image.root === '/' ? ['exec > >(cat)', `chown ${user} /proc/self/fd/1`] : []),
    'exec "$@"',
  ].join('\n');
  const groups = options.supplementaryGroup ?? '';
  const running = start(
    'nsenter',
    [
      ...[`--net=/proc/${network.pid}/ns/net`, 'unshare', '--mount', '--pid', '--fork'],
      ...['bash', '-c', script, 'bash', 'env', '-i'],
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      ...Object.entries({ ...image.env, ...env }).map(([name, value]) => `${name}=${value}`),
      ...['setpriv', '--no-new-privs', 'chroot', `--userspec=${user}`, `--groups=${groups}`],
      ...[root, ...image.entrypoint, ...args],
    ],
    // All of them: a change of user takes from the process that it ends with its parent.
    { cwd: '/', killing: 'group' },
  );
  return { ...running, signal: (signal) => process.kill(processOne(running.pid), signal) };
}

function processOne(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}
