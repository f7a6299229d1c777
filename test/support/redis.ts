import { spawnSync } from 'node:child_process';
import type { RedisNode, RedisSettings } from '../../src/state/redis-settings.ts';
import { freePorts, freshDirectory, type Started, start, until, writeFiles } from './process.ts';

/** A real redis-server on this machine. */
export interface RedisServer {
  readonly port: number;
  readonly node: RedisNode;
  /** Keeps its data here, when it keeps any. */
  readonly directory: string;
  /** As redis-cli prints it. */
  cli(...args: readonly string[]): string;
  kill(signal: NodeJS.Signals): void;
  /** Kills it at once, and waits until it is gone. */
  crash(): Promise<void>;
  /** Starts it again on the same port; what it kept in its directory is still there. */
  restart(): Promise<void>;
}

const host = '127.0.0.1';

export interface RedisOptions {
  /** A free one unless given. */
  readonly port?: number;
  readonly args?: readonly string[];
  /** Whether the data outlives the process. */
  readonly durable?: boolean;
}

/** Starts Redis, and waits until it answers; `endAll` ends it. */
export async function startRedis({
  port: given,
  args = [],
  durable = false,
}: RedisOptions = {}): Promise<RedisServer> {
  const port = given ?? (await freePorts(1))[0] ?? 0;
  const directory = freshDirectory();
  const cli = (...command: readonly string[]) => redisCli(port, command);
  const launch = () =>
    start('redis-server', [
      ...['--port', String(port), '--bind', host, '--dir', directory, '--save', ''],
      ...['--appendonly', durable ? 'yes' : 'no', '--appendfsync', 'always'],
      ...args,
    ]);
  const answers = () => /^PONG/.test(cli('PING'));
  let running = launch();
  await until(answers, running);
  return {
    port,
    node: { host, port },
    directory,
    cli,
    kill: (signal) => running.kill(signal),
    async crash() {
      running.kill('SIGKILL');
      await running.ended;
    },
    async restart() {
      running = launch();
      await until(answers, running);
    },
  };
}

/** @returns what redis-cli prints, errors too */
export function redisCli(port: number, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync('redis-cli', ['-p', String(port), ...args], {
    encoding: 'utf8',
    timeout: 5000,
    env: { ...process.env, REDISCLI_AUTH: undefined },
  });
  return `${stdout}${stderr}`.trim();
}

/** A master, a replica of it, and three Sentinels that replace the master within seconds. */
export async function startSentinels(): Promise<{
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly nodes: readonly RedisNode[];
}> {
  const master = await startRedis();
  const replica = await startRedis({ args: ['--replicaof', host, String(master.port)] });
  await until(() => replica.cli('INFO', 'replication').includes('master_link_status:up'));
  const ports = await freePorts(3);
  await Promise.all(ports.map((port) => startSentinel(port, master)));
  const seesAll = (port: number) =>
    redisCli(port, ['INFO', 'sentinel']).includes('slaves=1,sentinels=3');
  await until(() => ports.every(seesAll));
  return { master, replica, nodes: ports.map((port) => ({ host, port })) };
}

async function startSentinel(port: number, master: RedisServer): Promise<void> {
  const directory = freshDirectory();
  writeFiles(directory, {
    'sentinel.conf': `port ${port}
bind ${host}
dir ${directory}
sentinel monitor main ${host} ${master.port} 2
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 3000
`,
  });
  const running: Started = start('redis-server', [`${directory}/sentinel.conf`, '--sentinel']);
  await until(() => redisCli(port, ['PING']) === 'PONG', running);
}

/** Three masters that share the keys among them. */
export async function startCluster(): Promise<readonly RedisServer[]> {
  // The port for the cluster's own talk: by itself it is 10000 higher, where others may listen.
  const ports = await freePorts(3);
  const clusterOf = (port: number) =>
    startRedis({
      args: [
        ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'],
        ...['--cluster-port', String(port)],
      ],
    });
  const servers = await Promise.all(ports.map(clusterOf));
  const [first] = servers;
  if (first === undefined) throw new Error('no server');
  const addresses = servers.map(({ port }, at) => `${host}:${port}@${ports[at]}`);
  const made = first.cli('--cluster', 'create', ...addresses, '--cluster-yes');
  if (!made.includes('16384 slots covered')) throw new Error(made);
  await until(() =>
    servers.every((each) => each.cli('CLUSTER', 'INFO').includes('cluster_state:ok')),
  );
  return servers;
}

/** @returns settings for one server, without TLS and password */
export function settingsFor({ node }: RedisServer): RedisSettings {
  return {
    at: { kind: 'server', node, database: 0 },
    username: undefined,
    password: undefined,
    tls: undefined,
  };
}
