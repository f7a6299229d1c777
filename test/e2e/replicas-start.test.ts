import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  call,
  countersign,
  endAll,
  freePorts,
  freshDirectory,
  isMissing,
  threePorts,
  until,
  writeFiles,
} from '../support/process.ts';
import { startRedis } from '../support/redis.ts';
import { untilResult } from '../support/reloading.ts';
import {
  configuration,
  issueToken,
  startReplicaProcess,
  untilReplicaReady,
} from '../support/replica-set.ts';

const describeWithRedis = isMissing('redis-server') ? describe.skip : describe;
afterEach(endAll);

const probe = async (port: number, path: string) =>
  call({ port, path }).then(
    ({ status, body }) => `${status} ${body.trim()}`,
    () => '',
  );

/** A configuration beside its encryption key. */
async function writeConfiguration(redisPort: number, more = ''): Promise<string> {
  const cwd = freshDirectory();
  const ports = await threePorts();
  writeFiles(cwd, {
    'countersign.yaml': configuration(ports, { redisPort, replicas: 'shared', more }),
    'state.key': randomBytes(32).toString('hex'),
  });
  return cwd;
}

describeWithRedis('a replica that starts while Redis is down', () => {
  it('is alive and started but not ready, says what it waits for, and serves when Redis is there', async () => {
    const [port = 0] = await freePorts(1);
    const replica = await startReplicaProcess({ redisPort: port, replicas: 'shared' });
    const { ops, auth } = replica.ports;
    await until(async () => (await probe(ops, '/readyz')) !== '', replica);
    expect(await probe(ops, '/readyz')).toBe(
      `503 not ready: Redis at 127.0.0.1:${port}: cannot be reached (ECONNREFUSED)`,
    );
    expect([await probe(ops, '/livez'), await probe(ops, '/startupz')]).toEqual([
      '200 ok',
      '200 ok',
    ]);
    expect(await probe(auth, '/auth/nginx')).toBe('');
    // It has nothing to read anew yet; that must not end it.
    replica.kill('SIGHUP');
    await startRedis({ port });
    await untilReplicaReady(replica);
    expect(await issueToken(replica)).toMatch(/^eyJ/);
    expect((await untilResult(replica, 'applied')).trigger).toBe('signal');
  });

  it('stops when it is told to', async () => {
    const [port = 0] = await freePorts(1);
    const replica = await startReplicaProcess({ redisPort: port, replicas: 'own' });
    await until(async () => (await probe(replica.ports.ops, '/readyz')) !== '', replica);
    replica.kill('SIGTERM');
    expect((await replica.ended).code).toBe(0);
  });
});

describeWithRedis('a replica with the wrong encryption key', () => {
  it('does not start, and says why', async () => {
    const redis = await startRedis();
    await untilReplicaReady(
      await startReplicaProcess({ redisPort: redis.port, replicas: 'shared' }),
    );
    const cwd = await writeConfiguration(redis.port);
    const { code, stderr } = await countersign(['serve'], { cwd });
    expect(code).toBe(78);
    expect(stderr).toContain('was not written with this encryption key');
  });
});

describeWithRedis('the commands, for replicas that share a ring', () => {
  it('check tells that Redis cannot be reached, and masks a password in its URL', async () => {
    const [port = 0] = await freePorts(1);
    const cwd = await writeConfiguration(port);
    const file = `${cwd}/countersign.yaml`;
    const url = `redis://app:s3cret-pass@127.0.0.1:${port}`;
    const text = configuration(await threePorts(), { redisPort: port, replicas: 'shared' });
    writeFiles(cwd, { 'countersign.yaml': text.replace(`redis://127.0.0.1:${port}`, url) });
    const { code, stdout, stderr } = await countersign(['check', '--print', '--config', file]);
    expect(code).toBe(0);
    expect(stderr).toContain('cannot be reached (ECONNREFUSED)');
    expect(stdout).toContain(`redis://app:[redacted]@127.0.0.1:${port}`);
    expect(stdout + stderr).not.toContain('s3cret-pass');
  });

  it('keys list and keys rotate work on the ring in Redis, while replicas serve', async () => {
    const redis = await startRedis();
    const replica = await startReplicaProcess({ redisPort: redis.port, replicas: 'shared' });
    await untilReplicaReady(replica);
    const run = (...args: string[]) => countersign(['keys', ...args], { cwd: replica.directory });
    const listed = await run('list');
    expect([listed.code, listed.stdout.match(/active/g)?.length]).toEqual([0, 1]);
    const rotated = await run('rotate', '--now', '--compromised');
    expect(rotated.code).toBe(0);
    const [, kid = ''] = /; (\S+) \(ES256\) signs/.exec(rotated.stdout) ?? [];
    const jwks = async () => (await call({ port: replica.ports.public, path: '/jwks' })).body;
    await until(async () => (await jwks()).includes(kid));
  });

  it('keys list has nothing to show where each replica has its own', async () => {
    const redis = await startRedis();
    const cwd = freshDirectory();
    writeFiles(cwd, {
      'countersign.yaml': configuration(await threePorts(), {
        redisPort: redis.port,
        replicas: 'own',
      }),
      'state.key': randomBytes(32).toString('base64'),
    });
    const { code, stderr } = await countersign(['keys', 'list'], { cwd });
    expect([code, stderr]).toEqual([
      1,
      'Each replica has its own keys (keys.replicas), which never leave it\n',
    ]);
  });
});
