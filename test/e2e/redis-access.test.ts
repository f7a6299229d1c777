import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { connectRedis } from '../../src/state/redis-connection.ts';
import { openRedisRevocations } from '../../src/state/redis-revocations.ts';
import type { RedisSettings } from '../../src/state/redis-settings.ts';
import { endAll, freePorts, freshDirectory, isMissing, until } from '../support/process.ts';
import { settingsFor, startRedis } from '../support/redis.ts';
import { closeReplicas, letPass, openReplica, secret } from '../support/shared-keys.ts';

const describeWithRedis = isMissing('redis-server') ? describe.skip : describe;
afterEach(async () => {
  await closeReplicas();
  await endAll();
});

/** A CA, and a certificate of it for this machine. */
function makeCertificates(): string {
  const cwd = freshDirectory();
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd, stdio: 'ignore' });
  const key = (file: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    file,
  ];
  openssl('req', '-x509', ...key('ca.key'), '-out', 'ca.pem', '-subj', '/CN=ca');
  const names = ['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl(
    'req',
    '-x509',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    ...key('redis.key'),
    '-out',
    'redis.pem',
    ...names,
  );
  return cwd;
}

describeWithRedis('Redis behind TLS', () => {
  it('is reached with the CA and a client certificate, and not without them', async () => {
    const directory = makeCertificates();
    const at = (file: string) => join(directory, file);
    const [tlsPort = 0] = await freePorts(1);
    const files = [
      '--tls-cert-file',
      at('redis.pem'),
      '--tls-key-file',
      at('redis.key'),
      '--tls-ca-cert-file',
      at('ca.pem'),
    ];
    const server = await startRedis({ args: ['--tls-port', String(tlsPort), ...files] });
    const read = (file: string) => readFileSync(at(file), 'utf8');
    const tls = {
      ca: read('ca.pem'),
      cert: read('redis.pem'),
      key: read('redis.key'),
      servername: undefined,
    };
    const node = { host: '127.0.0.1', port: tlsPort };
    const settings: RedisSettings = {
      ...settingsFor(server),
      at: { kind: 'server', node, database: 0 },
      tls,
    };
    const answer = async (with_: RedisSettings['tls']) => {
      const redis = await connectRedis({ ...settings, tls: with_ });
      try {
        return await redis.send('PING').catch((error: Error) => error.message);
      } finally {
        await redis.close();
      }
    };
    expect(await answer(tls)).toBe('PONG');
    expect(await answer({ ...tls, ca: undefined })).toMatch(/cannot be reached/);
    expect(await answer({ ...tls, cert: undefined, key: undefined })).toMatch(/cannot be reached/);
    expect(await answer({ ...tls, servername: 'other' })).toMatch(/cannot be reached/);
  });
});

describeWithRedis('Redis with users', () => {
  it('needs no more permissions than the documentation says', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/replicas.md'), 'utf8');
    const [, list = ''] =
      /Commands that an ACL must allow: ([\s\S]*?); for a Cluster/.exec(page) ?? [];
    const commands = [...list.matchAll(/`([A-Z|]+)`/g)].map(
      ([, command]) => `+${command?.toLowerCase()}`,
    );
    expect(commands.length).toBeGreaterThan(15);
    const server = await startRedis();
    server.cli('ACL', 'SETUSER', 'app', 'on', '>pass word', '~test:*', ...commands);
    const redis = { ...settingsFor(server), username: 'app', password: 'pass word' };
    const shared = await openReplica({ redis, every: 20_000 });
    const old = shared.ring.signer.kid;
    await letPass(30_000);
    await until(() => shared.ring.signer.kid !== old);
    const revocations = await openRedisRevocations(
      {
        state: { redis, prefix: 'test', encryptionKeys: [secret], waitForReplicas: 0 },
        whenUnavailable: 'refuse',
      },
      { tokensCarrySubject: true, clockSkew: 0 },
      {
        now: Date.now,
        log: { info() {}, warn() {} },
        waiting: { signal: new AbortController().signal, onWaiting() {} },
      },
    );
    await revocations.revoke({ kind: 'token', jti: 'a', until: Date.now() / 1000 + 600 });
    server.cli('FLUSHALL');
    await until(() => server.cli('XLEN', 'test:revocations') === '1');
    await revocations.close();
    await closeReplicas();
    expect(shared.status()?.problem).toBeUndefined();
    expect(server.cli('ACL', 'LOG')).toBe('');
  });

  it('says when it refuses a password, without telling it', async () => {
    const server = await startRedis();
    server.cli('ACL', 'SETUSER', 'app', 'on', '>right', '~*', '+@all');
    const redis = await connectRedis({
      ...settingsFor(server),
      username: 'app',
      password: 'wr0ng-pass',
    });
    const message = await redis.send('PING').catch((error: Error) => error.message);
    expect(message).toMatch(/refuses \(WRONGPASS\)/);
    expect(message).not.toContain('wr0ng-pass');
    await redis.close();
  });
});
