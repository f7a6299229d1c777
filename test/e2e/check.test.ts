import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { issueCertificate, name } from '../support/certificates.ts';
import { startIdentityProvider } from '../support/identity-provider.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import {
  countersign,
  endAll,
  freePorts,
  freshDirectory,
  isMissing,
  listenAnywhere,
  listenOn,
  type Ports,
  patience,
  serve,
  threePorts,
  writeFiles,
} from '../support/process.ts';
import { startRedis } from '../support/redis.ts';
import { startVault } from '../support/vault-transit.ts';

/** `countersign check`, as the built program. */

jest.setTimeout(patience);
const opened: { close(): unknown }[] = [];
const open = <T extends { close(): unknown }>(each: T): T => {
  opened.push(each);
  return each;
};
afterEach(async () => {
  await endAll();
  for (const each of opened.splice(0)) await each.close();
});

interface Parts {
  readonly listen?: string;
  readonly credentials?: string;
  readonly keys?: string;
  readonly more?: string;
}

function configuration({ listen, credentials, keys, more }: Parts, ports: Ports): string {
  return `issuer: http://127.0.0.1:${ports.public}
${listen ?? listenOn(ports)}
gateways: { nginx: {} }
credentials: [${credentials ?? '{ basic: { trust: gateway } }'}]
token: { audience: orders }
${keys ?? 'keys: { algorithm: ES256 }'}
drain: 0s
${more ?? ''}
`;
}

const columns = /^(.*?) {2,}(.*?) {2,}(good|warning|failed) *(.*)$/;

/** @returns the exit code, and the rows by what they are about */
async function check(
  parts: Parts | ((ports: Ports) => Parts) = {},
  {
    directory = freshDirectory(),
    args = [],
  }: { readonly directory?: string; readonly args?: readonly string[] } = {},
) {
  const ports = await threePorts();
  const given = typeof parts === 'function' ? parts(ports) : parts;
  writeFiles(directory, { 'countersign.yaml': configuration(given, ports) });
  const { code, stdout, stderr } = await countersign(['check', ...args], { cwd: directory });
  expect(stderr).toBe('');
  const lines = stdout.split('\n').flatMap((line) => {
    const [, what = '', where = '', result = '', why = ''] = columns.exec(line) ?? [];
    return what === '' ? [] : [{ what, where, result, why }];
  });
  const bad = lines.filter(({ result }) => result !== 'good');
  return { code, lines, bad, stdout, directory, ports };
}

const certificatePair = (notAfter: Date) => {
  const issued = issueCertificate({ subject: name({ CN: 'listener' }), notAfter });
  return {
    'tls.pem': issued.pem,
    'tls.key': String(issued.privateKey.export({ format: 'pem', type: 'pkcs8' })),
  };
};
const days = (count: number) => new Date(Date.now() + count * 86_400_000);

(isMissing('redis-server') ? describe.skip : describe)('a service that has all it needs', () => {
  it('is good in every part, and nothing was made or changed', async () => {
    const idp = open(await startIdentityProvider({ id: 'countersign', secret: 'client-secret' }));
    const receiver = open(await startOtlpReceiver());
    const redis = await startRedis();
    const directory = freshDirectory();
    writeFiles(directory, {
      ...certificatePair(days(90)),
      'state.key': randomBytes(32).toString('base64'),
      'api-keys.yaml': '[]',
      secret: 'client-secret',
    });
    const before = readdirSync(directory);
    const parts = (ports: Ports): Parts => ({
      listen: `listen:
  auth: 127.0.0.1:${ports.auth}
  public: { address: '127.0.0.1:${ports.public}', tls: { cert_file: tls.pem, key_file: tls.key } }
  ops: unix:${directory}/ops.sock`,
      credentials: `
  { bearer: { verify: { issuer: '${idp.issuer}', audiences: any } } },
  { bearer: { verify: { introspection: { endpoint: ${idp.introspectionEndpoint},
    client_id: countersign, client_secret_file: secret } } } },
  { api_key: { verify: { keys_file: api-keys.yaml } } }`,
      more: `state: { redis: 'redis://127.0.0.1:${redis.port}', encryption_key_file: state.key }
traces: { endpoint: ${receiver.endpoint} }`,
      keys: 'keys: { algorithm: ES256, replicas: own }',
    });
    const { code, lines, bad, stdout } = await check(parts, { directory, args: ['--strict'] });
    expect(bad).toEqual([]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\ncountersign\.yaml is good: 0 failed, 0 warnings\n$/);
    expect(lines.map(({ what }) => what)).toEqual([
      ...['configuration', 'keys', 'keys of an issuer'],
      ...['listen.auth', 'listen.public', 'listen.ops', 'listen.public.tls'],
      'credentials[1].bearer.verify.introspection.client_secret_file',
      ...['credentials[2].api_key.verify.keys_file', 'state.encryption_key_file', 'state.redis'],
      ...['credentials[1].bearer.verify.introspection', 'traces.endpoint'],
    ]);
    expect(readdirSync(directory).sort()).toEqual([...before, 'countersign.yaml'].sort());
    expect(redis.cli('DBSIZE')).toBe('0');
    expect(receiver.spans).toEqual([]);
  });

  it('is good while it runs, and goes on', async () => {
    const parts: Parts = {
      more:
        'clients: [{ id: a, secret_sha256: "' +
        '0'.repeat(64) +
        '", may: [revoke], audiences: any }]',
    };
    const running = await serve((ports) => configuration(parts, ports));
    const state = join(running.directory, 'data', 'state', 'revocations.mdb');
    const before = statSync(state).mtimeMs;
    const { code, stdout } = await countersign(['check', '--strict'], { cwd: running.directory });
    expect(code).toBe(0);
    expect(stdout.match(/good +in use by the Countersign that runs$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/^keys .* good +[\w-]{43} signs$/m);
    expect(statSync(state).mtimeMs).toBe(before);
    running.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });
});

describe('what is local and missing', () => {
  const tlsOn = (ports: Ports) => ({
    listen: listenOn(ports).replace(
      `public: 127.0.0.1:${ports.public}`,
      `public: { address: '127.0.0.1:${ports.public}', tls: { cert_file: tls.pem, key_file: tls.key } }`,
    ),
  });

  it('is a failure: a port that another program has', async () => {
    const taken = open(createServer());
    const port = await listenAnywhere(taken);
    const { code, bad } = await check((ports) => ({ listen: listenOn({ ...ports, ops: port }) }));
    expect(code).toBe(1);
    expect(bad).toEqual([
      {
        ...{ what: 'listen.ops', where: `127.0.0.1:${port}`, result: 'failed' },
        why: 'in use by another program, or named twice',
      },
    ]);
  });

  it('is a failure: a port that two listeners name', async () => {
    const { code, bad } = await check((ports) => ({
      listen: listenOn({ ...ports, ops: ports.auth }),
    }));
    expect([code, bad.map(({ result }) => result)]).toEqual([1, ['failed']]);
  });

  it('is a failure: an address or a directory that is not here', async () => {
    const { code, bad } = await check((ports) => ({
      listen: `listen:
  auth: unix:/nowhere/auth.sock
  public: 127.0.0.1:${ports.public}
  ops: 203.0.113.7:${ports.ops}`,
    }));
    expect([code, bad.map(({ what, result, why }) => [what, result, why])]).toEqual([
      1,
      [
        ['listen.auth', 'failed', 'there is no such directory (ENOENT)'],
        ['listen.ops', 'failed', 'not an address of this machine (EADDRNOTAVAIL)'],
      ],
    ]);
  });

  const otherKey = () =>
    String(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        ...{ format: 'pem', type: 'pkcs8' },
      } as never),
    );
  it.each<[string, Readonly<Record<string, string>>, string, RegExp]>([
    ['that ended', certificatePair(days(-1)), 'failed', /^ended on \d{4}-\d\d-\d\d$/],
    ['that ends soon', certificatePair(days(3)), 'warning', /^ends on \d{4}-\d\d-\d\d$/],
  ])('is told of a certificate %s', async (_what, files, result, why) => {
    const directory = freshDirectory();
    writeFiles(directory, files);
    const { code, bad } = await check(tlsOn, { directory });
    expect(bad).toEqual([
      {
        ...{ what: 'listen.public.tls', where: join(directory, 'tls.pem'), result },
        why: expect.stringMatching(why),
      },
    ]);
    expect(code).toBe(result === 'failed' ? 1 : 0);
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    [
      'of another key',
      { ...certificatePair(days(90)), 'tls.key': otherKey() },
      /cannot be used together \(key values mismatch\)$/,
    ],
    [
      'without its key',
      { 'tls.pem': certificatePair(days(90))['tls.pem'] },
      /tls\.key: cannot be read \(ENOENT\)$/,
    ],
    [
      'that is none',
      { ...certificatePair(days(90)), 'tls.pem': 'x' },
      /cannot be used together \(no start line\)$/,
    ],
  ])('is told, as serving is, of a certificate %s', async (_what, files, why) => {
    const directory = freshDirectory();
    writeFiles(directory, files);
    const { code, bad } = await check(tlsOn, { directory });
    expect(bad).toEqual([
      {
        ...{ what: 'listen.public.tls', result: 'failed' },
        where: expect.stringMatching(/^countersign\.yaml:\d+$/),
        why: expect.stringMatching(why),
      },
    ]);
    expect(code).toBe(78);
  });

  it('is a failure: directories that cannot be made', async () => {
    const directory = freshDirectory();
    writeFiles(directory, { file: '' });
    const { code, bad } = await check(
      {
        keys: 'keys: { algorithm: ES256, directory: file/keys }',
        more: 'state: { directory: file }',
      },
      { directory },
    );
    expect(bad.map(({ what, result }) => [what, result])).toEqual([
      ['keys.directory', 'failed'],
      ['state.directory', 'failed'],
    ]);
    expect(code).toBe(1);
  });

  it('is a failure: a state that is no state', async () => {
    const directory = freshDirectory();
    writeFiles(directory, { 'state/revocations.mdb': 'x'.repeat(100) });
    const { code, bad } = await check({ more: 'state: { directory: state }' }, { directory });
    expect([code, bad[0]?.what, bad[0]?.why]).toEqual([
      ...[1, 'state.directory'],
      expect.stringContaining('not a file of this service, or damaged'),
    ]);
  });

  it.each<[string, Parts, string]>([
    [
      'a credential file',
      { credentials: '{ basic: { verify: { htpasswd_file: missing } } }' },
      'credentials[0].basic.verify.htpasswd_file',
    ],
    ['a key file', { keys: 'keys: { private_jwk_file: missing }' }, 'keys'],
    [
      'a CA file',
      { credentials: '{ api_key: { verify: { keys_file: missing } } }' },
      'credentials[0].api_key.verify.keys_file',
    ],
  ])('makes the configuration one that cannot be used: %s', async (_what, parts, what) => {
    const { code, bad } = await check(parts);
    expect(code).toBe(78);
    expect(bad).toContainEqual({
      ...{ what, where: expect.stringMatching(/^countersign\.yaml:\d+$/), result: 'failed' },
      why: expect.stringContaining('ENOENT'),
    });
  });

  it('does so for Vault, too, without which nothing is served', async () => {
    const vault = await startVault();
    await vault.close();
    const { code, bad } = await check({
      keys: `keys: { algorithm: ES256, vault_transit: { address: ${vault.address}, key: k, token: t } }`,
    });
    expect([code, bad[0]?.what, bad[0]?.why]).toEqual([
      ...[78, 'keys'],
      expect.stringContaining('ECONNREFUSED'),
    ]);
  });
});

describe('what is remote and missing', () => {
  /** A warning, and with `--strict` a failure. */
  async function expectWarning(parts: Parts, what: string, why: string, directory?: string) {
    const options = { ...(directory !== undefined && { directory }) };
    const { code, bad } = await check(parts, options);
    expect(bad).toEqual([
      { what, where: expect.any(String), result: 'warning', why: expect.stringContaining(why) },
    ]);
    expect(code).toBe(0);
    const strict = await check(parts, { ...options, args: ['--strict'] });
    expect([strict.code, strict.stdout.includes('is not good')]).toEqual([1, true]);
  }
  const closed = async () => `http://127.0.0.1:${(await freePorts(1))[0]}`;

  it('is a warning: an issuer', async () => {
    const verify = `{ issuer: '${await closed()}', audiences: any }`;
    await expectWarning(
      { credentials: `{ bearer: { verify: ${verify} } }` },
      'keys of an issuer',
      'ECONNREFUSED',
    );
  });

  it('is a warning: an issuer that never answers, within seconds', async () => {
    const silent = open(createServer(() => {}));
    const issuer = `http://127.0.0.1:${await listenAnywhere(silent)}`;
    const verify = `{ issuer: '${issuer}', audiences: any }`;
    const { bad } = await check({ credentials: `{ bearer: { verify: ${verify} } }` });
    expect(bad.map(({ what, result }) => [what, result])).toEqual([
      ['keys of an issuer', 'warning'],
    ]);
  });

  it.each([
    ['that is down', undefined, 'ECONNREFUSED'],
    ['that does not know us', 'other-secret', 'status 401'],
  ])('is a warning: an introspection endpoint %s', async (_what, secret, why) => {
    const idp = open(await startIdentityProvider({ id: 'countersign', secret: 'right' }));
    const endpoint = secret === undefined ? `${await closed()}/i` : idp.introspectionEndpoint;
    await expectWarning(
      {
        credentials: `{ bearer: { verify: { introspection: { endpoint: '${endpoint}', client_id: countersign, client_secret: ${secret ?? 'x'} } } } }`,
      },
      'credentials[0].bearer.verify.introspection',
      why,
    );
  });

  it('is a warning: a receiver of traces', async () => {
    await expectWarning(
      { more: `traces: { endpoint: ${await closed()}/v1/traces }` },
      'traces.endpoint',
      'ECONNREFUSED',
    );
  });

  const withRedis = (url: string): Parts => ({
    keys: 'keys: { algorithm: ES256, replicas: own }',
    more: `state: { redis: '${url}', encryption_key_file: state.key }`,
  });
  const stateKey = () => {
    const directory = freshDirectory();
    writeFiles(directory, { 'state.key': randomBytes(32).toString('base64') });
    return directory;
  };

  it('is a warning: Redis', async () => {
    const url = (await closed()).replace('http', 'redis');
    await expectWarning(withRedis(url), 'state.redis', 'ECONNREFUSED', stateKey());
  });

  (isMissing('redis-server') ? it.skip : it)('is a warning: what Redis refuses', async () => {
    const redis = await startRedis();
    const allowed = '+@read +@write +@scripting +@connection +@transaction +info +wait +time';
    redis.cli(...`ACL SETUSER app on >pw ~countersign:* ${allowed} -xdel -hset`.split(' '));
    const url = `redis://app:pw@127.0.0.1:${redis.port}`;
    const directory = stateKey();
    await expectWarning(
      withRedis(url),
      'state.redis',
      'does not allow this user HSET, XDEL',
      directory,
    );
    redis.cli('ACL', 'SETUSER', 'app', '+xdel', '+hset');
    expect((await check(withRedis(url), { directory, args: ['--strict'] })).code).toBe(0);
    expect(redis.cli('DBSIZE')).toBe('0');
    const wrong = url.replace(':pw@', ':wrong@');
    await expectWarning(withRedis(wrong), 'state.redis', 'WRONGPASS', directory);
    redis.cli('CONFIG', 'SET', 'maxmemory', '50mb');
    redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await expectWarning(withRedis(url), 'state.redis', 'may throw keys away', directory);
  });
});

describe('with --print', () => {
  it('the configuration is on standard output, and what is not good is not', async () => {
    const taken = open(createServer());
    const ports = { ...(await threePorts()), ops: await listenAnywhere(taken) };
    const cwd = freshDirectory();
    writeFiles(cwd, { 'countersign.yaml': configuration({}, ports) });
    const { code, stdout, stderr } = await countersign(['check', '--print'], { cwd });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^issuer: /);
    expect(stderr).toMatch(
      /^what +where +result +why\nlisten\.ops +127.0.0.1:\d+ +failed +in use.*\n$/,
    );
  });
});
