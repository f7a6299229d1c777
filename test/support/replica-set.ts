import { createHash, randomBytes } from 'node:crypto';
import {
  asNginx,
  basic,
  type Called,
  call,
  freshDirectory,
  listenOn,
  main,
  type Ports,
  type Serving,
  start,
  statusOf,
  threePorts,
  until,
  writeFiles,
} from './process.ts';

export interface ReplicaSetOptions {
  readonly redisPort: number;
  readonly replicas: 'shared' | 'own';
  readonly count?: number;
  /** Laid at the end of the configuration. */
  readonly more?: string;
}

const encryptionKey = randomBytes(32).toString('base64');

/** Starts several processes that share a Redis, and waits until all are ready. */
export async function startReplicaSet({ count = 3, ...options }: ReplicaSetOptions) {
  const replicas = await Promise.all(
    Array.from({ length: count }, () => startReplicaProcess(options)),
  );
  await Promise.all(replicas.map(untilReplicaReady));
  return replicas;
}

/** Starts one; it may have to wait before it is ready. */
export async function startReplicaProcess(
  options: Omit<ReplicaSetOptions, 'count'>,
): Promise<Serving> {
  const directory = freshDirectory();
  const ports = await threePorts();
  writeFiles(directory, {
    'countersign.yaml': configuration(ports, options),
    'state.key': `${encryptionKey}\n`,
  });
  const running = start(process.execPath, [main, 'serve'], { cwd: directory });
  return { ...running, directory, ports };
}

export async function untilReplicaReady(replica: Serving): Promise<void> {
  const isReady = async () =>
    (await statusOf({ port: replica.ports.ops, path: '/readyz' })) === 200;
  await until(isReady, replica);
}

export function configuration(
  ports: Ports,
  { redisPort, replicas, more = '' }: Omit<ReplicaSetOptions, 'count'>,
): string {
  return `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a, reuse: off, expires_in: 10s }
keys: { algorithm: ES256, replicas: ${replicas}, rotate: { every: 4s, publish_ahead: 2s } }
state: { redis: 'redis://127.0.0.1:${redisPort}', encryption_key_file: state.key }
clients:
  - id: all
    secret_sha256: ${createHash('sha256').update('secret').digest('hex')}
    may: [introspect, revoke, revoke-any]
    audiences: any
log: { decisions: off }
drain: 0s
${more}`;
}

/** @returns a token, as nginx gets it */
export async function issueToken({ ports }: Serving, user = 'alice'): Promise<string> {
  const asked = { port: ports.auth, ...asNginx({ Authorization: basic(user, 'secret') }) };
  const { status, headers } = await call(asked);
  if (status !== 200) throw new Error(`no token: ${status}`);
  return String(headers['x-custom-jwt']);
}

export function revokeToken(replica: Serving, token: string): Promise<Called> {
  return post(replica, '/revoke', { token });
}

/** @returns `unknown` when the replica says that it does not know */
export async function isActive(replica: Serving, token: string): Promise<boolean | 'unknown'> {
  const { status, body } = await post(replica, '/introspect', { token });
  if (status === 503) return 'unknown';
  return JSON.parse(body).active;
}

function post({ ports }: Serving, path: string, form: Record<string, string>): Promise<Called> {
  return call({
    port: ports.public,
    path,
    method: 'POST',
    headers: {
      Authorization: basic('all', 'secret'),
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
  });
}
