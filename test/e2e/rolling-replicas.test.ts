import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { startLoad } from '../support/load.ts';
import { startNginxWith } from '../support/nginx.ts';
import {
  basic,
  call,
  endAll,
  freePorts,
  freshDirectory,
  isMissing,
  listenAnywhere,
  listenOn,
  main,
  type Ports,
  patience,
  type Started,
  start,
  statusOf,
  threePorts,
  until,
  untilReady,
  writeFiles,
} from '../support/process.ts';
import { startRedis } from '../support/redis.ts';

jest.setTimeout(3 * patience);

let backend: Server | undefined;
let nginx: Started | undefined;
afterEach(async () => {
  // Killed, it would leave its workers behind.
  nginx?.kill('SIGTERM');
  await nginx?.ended;
  backend?.close();
  backend?.closeAllConnections();
  await endAll();
});

const perSecond = 200;
const configuration = (ports: Ports, redisPort: number) => `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a }
keys: { algorithm: ES256 }
state: { redis: 'redis://127.0.0.1:${redisPort}', encryption_key_file: state.key }
log: { decisions: off }
drain: 1s
`;

/**
 * As the recipe has it, with three replicas. nginx looks after nobody: it asks the next replica when
 * one refuses the connection, and tries that one again after `fail_timeout`; as docs/reload.md has it.
 */
const site = (port: number, replicas: readonly Ports[], backendPort: number) => `
upstream countersign {
  ${replicas.map(({ auth }) => `server 127.0.0.1:${auth} fail_timeout=1s;`).join('\n  ')}
  keepalive 32;
}
server {
  listen 127.0.0.1:${port};
  location = /_countersign {
    internal;
    proxy_pass http://countersign/auth/nginx;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URL $scheme://$host$request_uri;
  }
  location / {
    auth_request /_countersign;
    auth_request_set $token $upstream_http_x_custom_jwt;
    proxy_set_header X-Custom-Jwt $token;
    proxy_pass http://127.0.0.1:${backendPort};
  }
}
`;

/** @returns how many requests a replica has decided about since it started */
async function decisionsOf({ ops }: Ports): Promise<number> {
  const { body } = await call({ port: ops, path: '/metrics' });
  return Number(/^countersign_decision_duration_seconds_count (\d+)$/m.exec(body)?.[1] ?? 0);
}

const canRun = !isMissing('redis-server') && !isMissing('nginx');
(canRun ? describe : describe.skip)('three replicas behind nginx', () => {
  it('are replaced one after the other, and no request of 200 a second is lost', async () => {
    const redis = await startRedis();
    const all = [await threePorts(), await threePorts(), await threePorts()];
    const [port = 0] = await freePorts(1);
    backend = createServer((request, res) => {
      res.statusCode = request.headers['x-custom-jwt'] ? 200 : 500;
      res.end();
    });
    const backendPort = await listenAnywhere(backend);
    const key = randomBytes(32).toString('base64');
    const startReplica = async (ports: Ports): Promise<Started> => {
      const cwd = freshDirectory();
      writeFiles(cwd, {
        'countersign.yaml': configuration(ports, redis.port),
        'state.key': key,
      });
      const running = start(process.execPath, [main, 'serve'], { cwd });
      await untilReady(running, ports.ops);
      return running;
    };
    const replicas = await Promise.all(all.map(startReplica));
    const home = freshDirectory();
    writeFiles(home, { 'site.conf': site(port, all, backendPort) });
    nginx = startNginxWith(home, join(home, 'site.conf'));
    const Authorization = basic('alice', 'secret');
    await until(
      async () => (await statusOf({ port, path: '/', headers: { Authorization } })) === 200,
      nginx,
    );

    const load = startLoad({
      port,
      perSecond,
      requests: Array.from({ length: 50 }, (_, user) => ({
        path: `/orders/${user}`,
        headers: { Authorization: basic(`user-${user}`, 'secret') },
      })),
      judge: ({ status }, { path }) => (status === 200 ? undefined : `${path}: ${status}`),
    });
    for (const [at, ports] of all.entries()) {
      const old = replicas[at] as Started;
      old.kill('SIGTERM');
      expect(await old.ended).toMatchObject({ code: 0, stderr: '' });
      replicas[at] = await startReplica(ports);
      await until(async () => (await decisionsOf(ports)) > perSecond / 10, nginx);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.sent()).toBeGreaterThan(6 * perSecond);
  });
});
