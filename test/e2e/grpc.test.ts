import { createServer } from 'node:net';
import { join } from 'node:path';
import { type ChannelCredentials, Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import {
  type CheckResponse,
  checkRequest,
  checkResponse,
  healthCheckRequest,
  healthCheckResponse,
} from '../../src/gateways/grpc/messages.ts';
import {
  type Issued,
  issueAuthority,
  issueCertificate,
  name,
  subjectAltName,
} from '../support/certificates.ts';
import {
  basic,
  countersign,
  endAll,
  freePorts,
  freshDirectory,
  listenAnywhere,
  listenOn,
  patience,
  type Serving,
  serve,
  threePorts,
  until,
  writeFiles,
} from '../support/process.ts';

jest.setTimeout(patience);
const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await endAll();
});

interface Settings {
  readonly grpc: string;
  readonly auth?: string;
  readonly more?: string;
  readonly kinds?: string;
  readonly directory?: string;
  readonly files?: Readonly<Record<string, string>>;
}

async function serveGrpc({
  grpc,
  auth,
  more = '',
  kinds = 'basic: { trust: gateway }',
  directory = freshDirectory(),
  files = {},
}: Settings): Promise<Serving> {
  const ports = await threePorts();
  writeFiles(directory, files);
  return serve(
    () => `
issuer: http://127.0.0.1:${ports.public}
${listenOn(ports, auth)}
  grpc: ${grpc}
gateways: { envoy_grpc: {} }
credentials: [{ ${kinds} }]
token: { upstream_hosts: any }
keys: { algorithm: ES256 }
${more}`,
    { directory, ports },
  );
}

const freeAddress = async () => `127.0.0.1:${(await freePorts(1))[0]}`;

function connect(address: string, secure: ChannelCredentials = credentials.createInsecure()) {
  const client = new Client(address, secure, {
    'grpc.ssl_target_name_override': 'countersign.test',
    'grpc.max_send_message_length': -1,
  });
  clients.push(client);
  return client;
}

function requestBytes(
  authorization: string,
  more: readonly (readonly [string, string])[] = [],
): Buffer {
  const lines = authorization ? [['authorization', authorization] as const, ...more] : more;
  const rawValue = Buffer.alloc(0);
  const headers = lines.map(([key, value]) => ({ key, value: Buffer.from(value), rawValue }));
  const target = {
    method: 'GET',
    path: Buffer.from('/'),
    host: 'api.example.com',
    scheme: 'https',
  };
  return checkRequest.encode({ attributes: { request: { http: { ...target, headers } } } });
}
const alice = requestBytes(basic('alice', 'x'));

interface Asked {
  readonly bytes?: Buffer;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly patience?: number;
  readonly method?: string;
}

/** @throws what the call fails with */
function check(
  client: Client,
  { bytes = alice, metadata = {}, patience: within = 20_000, method = 'Check' }: Asked = {},
): Promise<CheckResponse> {
  const sent = new Metadata();
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<Buffer, CheckResponse>(
      `/envoy.service.auth.v3.Authorization/${method}`,
      (plain) => plain,
      checkResponse.decode,
      bytes,
      sent,
      { deadline: Date.now() + within },
      (error, answer) => (error ? reject(error) : resolve(answer as CheckResponse)),
    );
  });
}

const codeOf = (failing: Promise<unknown>) =>
  failing.then(
    () => status.OK,
    (error: { code: number }) => error.code,
  );

function healthOf(client: Client, service = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      healthCheckRequest.encode,
      healthCheckResponse.decode,
      { service },
      (error, answer) => (error ? reject(error) : resolve(answer?.status ?? -1)),
    );
  });
}

describe('the gRPC listener', () => {
  it('gives a token that verifies, to Envoy’s check', async () => {
    const address = await freeAddress();
    const { ports } = await serveGrpc({ grpc: address });
    const answer = await check(connect(address));
    expect(answer.status.code).toBe(0);
    const [token] = answer.okResponse?.headers ?? [];
    const issuer = `http://127.0.0.1:${ports.public}`;
    const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
    const { payload } = await jwtVerify(Buffer.from(token?.header.value ?? '').toString(), keys, {
      issuer,
      audience: 'https://api.example.com',
    });
    expect(payload['client_id']).toBe('alice');
  });

  it('refuses with an explicit status, also what it cannot read', async () => {
    const address = await freeAddress();
    const { ports } = await serveGrpc({ grpc: address });
    const client = connect(address);
    const refused = await check(client, { bytes: requestBytes('') });
    expect([refused.status.code, refused.deniedResponse?.status.code]).toEqual([16, 401]);
    const garbage = await check(client, { bytes: Buffer.from('ffffffff', 'hex') });
    expect([garbage.status.code, garbage.deniedResponse?.status.code]).toEqual([7, 403]);
    expect(await codeOf(check(client, { bytes: Buffer.alloc(2 ** 21) }))).toBe(
      status.RESOURCE_EXHAUSTED,
    );
    expect(await codeOf(check(client, { method: 'Other' }))).toBe(status.UNIMPLEMENTED);
    expect((await check(client)).status.code).toBe(0);
    // It is no gateway for HTTP.
    const http = await fetch(`http://127.0.0.1:${ports.auth}/auth/envoy_grpc`);
    expect(http.status).toBe(404);
  });

  it('takes the secret of its caller from the metadata of the call only', async () => {
    const address = await freeAddress();
    const secret = 'a-secret-of-the-gateway-0123456789';
    await serveGrpc({
      grpc: address,
      more: 'callers: { secret_file: secret }',
      files: { secret },
    });
    const client = connect(address);
    const forged = requestBytes(basic('alice', 'x'), [['x-countersign-secret', secret]]);
    const deny = async (asked: Asked) => (await check(client, asked)).deniedResponse?.status.code;
    expect(await deny({})).toBe(403);
    expect(await deny({ bytes: forged })).toBe(403);
    expect(await deny({ metadata: { 'x-countersign-secret': `${secret}x` } })).toBe(403);
    const good = await check(client, { metadata: { 'x-countersign-secret': secret } });
    expect(good.status.code).toBe(0);
  });

  it('serves TLS to callers whose certificate has a configured name', async () => {
    const authority = issueAuthority({ subject: name({ CN: 'Callers' }) });
    const issue = (dns: string, by?: Issued) =>
      issueCertificate(
        { subject: name({ CN: dns }), extensions: [subjectAltName(['dns', dns])] },
        by,
      );
    const pem = ({ privateKey }: Issued) =>
      String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const server = issue('countersign.test', authority);
    const address = await freeAddress();
    const tls = '{ cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem }';
    const directory = freshDirectory();
    await serveGrpc({
      directory,
      grpc: `{ address: '${address}', tls: ${tls} }`,
      auth: `{ address: 'unix:${join(directory, 'auth.sock')}', tls: ${tls} }`,
      more: 'callers: { certificates: [envoy.test] }',
      files: { 'server.pem': server.pem, 'server.key': pem(server), 'ca.pem': authority.pem },
    });
    const as = (caller?: Issued) =>
      connect(
        address,
        credentials.createSsl(
          Buffer.from(authority.pem),
          caller ? Buffer.from(pem(caller)) : null,
          caller ? Buffer.from(caller.pem) : null,
        ),
      );
    expect((await check(as(issue('envoy.test', authority)))).status.code).toBe(0);
    const other = await check(as(issue('other.test', authority)));
    expect(other.deniedResponse?.status.code).toBe(403);
    const stranger = issueAuthority({ subject: name({ CN: 'Strangers' }) });
    for (const nobody of [as(), as(issue('envoy.test', stranger)), connect(address)]) {
      expect(await codeOf(check(nobody, { patience: 2000 }))).not.toBe(status.OK);
    }
  });

  it('serves a unix socket, also over one that a killed process left', async () => {
    const directory = freshDirectory();
    const grpc = `unix:${join(directory, 'grpc.sock')}`;
    const first = await serveGrpc({ grpc, directory });
    expect((await check(connect(grpc))).status.code).toBe(0);
    first.kill('SIGKILL');
    await first.ended;
    await serveGrpc({ grpc, directory });
    expect((await check(connect(grpc))).status.code).toBe(0);
  });

  it('says so when its address is in use, and ends', async () => {
    const server = createServer();
    const taken = await listenAnywhere(server);
    const directory = freshDirectory();
    const ports = await threePorts();
    writeFiles(directory, {
      'countersign.yaml': `
issuer: https://countersign.example.com
${listenOn(ports)}
  grpc: 127.0.0.1:${taken}
gateways: { envoy_grpc: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
keys: { algorithm: ES256 }
`,
    });
    const { code, stderr } = await countersign(['serve'], { cwd: directory });
    server.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/EADDRINUSE/);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('does not answer after the deadline of a call, and serves on', async () => {
    const hanging = createServer(() => {});
    const port = await listenAnywhere(hanging);
    const address = await freeAddress();
    await serveGrpc({
      grpc: address,
      kinds: `bearer: { verify: { introspection: { endpoint: 'http://127.0.0.1:${port}/i', client_id: me, client_secret_file: secret } } }`,
      files: { secret: 'a-secret-of-ours' },
    });
    const client = connect(address);
    const late = check(client, { bytes: requestBytes('Bearer opaque'), patience: 300 });
    expect(await codeOf(late)).toBe(status.DEADLINE_EXCEEDED);
    expect((await check(client)).deniedResponse?.status.code).toBe(401);
    hanging.close();
  });
});

describe('grpc.health.v1', () => {
  const serving = 1;
  const notServing = 2;
  const serviceUnknown = 3;

  it('tells which services there are', async () => {
    const address = await freeAddress();
    await serveGrpc({ grpc: address });
    const client = connect(address);
    expect(await healthOf(client)).toBe(serving);
    expect(await healthOf(client, 'envoy.service.auth.v3.Authorization')).toBe(serving);
    expect(await codeOf(healthOf(client, 'other'))).toBe(status.NOT_FOUND);
  });

  it('turns to not serving while it drains, and calls are still answered', async () => {
    const address = await freeAddress();
    const running = await serveGrpc({ grpc: address, more: 'drain: 2s' });
    const client = connect(address);
    const watch = (service: string) => {
      const seen: number[] = [];
      client
        .makeServerStreamRequest(
          '/grpc.health.v1.Health/Watch',
          healthCheckRequest.encode,
          healthCheckResponse.decode,
          { service },
        )
        .on('data', ({ status: told }) => seen.push(told))
        .on('error', () => {});
      return seen;
    };
    const seen = watch('');
    const unknown = watch('other');
    await until(() => seen.length > 0 && unknown.length > 0);
    running.kill('SIGTERM');
    await until(() => seen.length === 2);
    expect(seen).toEqual([serving, notServing]);
    expect(unknown).toEqual([serviceUnknown]);
    expect(await healthOf(client)).toBe(notServing);
    expect((await check(client)).status.code).toBe(0);
    expect((await running.ended).code).toBe(0);
  });
});
