import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { checkRequest } from '../../src/gateways/grpc/messages.ts';
import {
  ecKeys,
  issueAuthority,
  issueCertificate,
  name,
  subjectAltName,
} from '../support/certificates.ts';
import { startIdentityProvider } from '../support/identity-provider.ts';
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from '../support/otlp-receiver.ts';
import {
  asNginx,
  basic,
  call,
  countersign,
  endAll,
  freePorts,
  freshDirectory,
  listenOn,
  type Ports,
  patience,
  type ServeOptions,
  type Serving,
  serve,
  threePorts,
  until,
  writeFiles,
} from '../support/process.ts';
import { createToken, keysOnToken, softHsmIsMissing } from '../support/softhsm.ts';
import { startVault } from '../support/vault-transit.ts';

/** The built program, and a receiver of what it tells about its decisions. */

jest.setTimeout(patience);

let receiver: OtlpReceiver;
const opened: { close(): unknown }[] = [];
const open = <T extends { close(): unknown }>(each: T): T => {
  opened.push(each);
  return each;
};
beforeEach(async () => {
  receiver = open(await startOtlpReceiver());
});
afterEach(async () => {
  await endAll();
  for (const each of opened.splice(0)) await each.close();
});

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${parentId}-01`;

interface Settings extends ServeOptions {
  readonly traces?: string;
  readonly kinds?: string;
  readonly keys?: string;
  readonly gateways?: string;
  readonly listen?: string;
}

function configuration({ traces, kinds, keys, gateways, listen }: Settings, ports: Ports): string {
  return `issuer: http://127.0.0.1:${ports.public}
${listenOn(ports)}
${listen ?? ''}
gateways: ${gateways ?? '{ nginx: {} }'}
credentials: [${kinds ?? '{ basic: { trust: gateway } }'}]
token: { audience: orders, reuse: off }
routes: [{ name: orders, match: { hosts: [api.example.com] } }]
default_route: {}
${keys ?? 'keys: { algorithm: ES256 }'}
drain: 1s
${traces ?? `traces: { endpoint: ${receiver.endpoint}, sample: 100% }`}
`;
}

async function start(settings: Settings = {}) {
  const serving = await serve((ports) => configuration(settings, ports), settings);
  const ask = async (headers: Readonly<Record<string, string>>, url?: string) => {
    const about = asNginx(headers, url);
    return call({ ...about, port: serving.ports.auth });
  };
  return { ...serving, ask };
}

/** Stops it, which delivers what waits. */
async function spansOf({ kill, ended }: Serving): Promise<readonly ReceivedSpan[]> {
  kill('SIGTERM');
  expect((await ended).code).toBe(0);
  return receiver.spans;
}

const alice = { Authorization: basic('alice', 'her-password') };
const server = 2;
const client = 3;

describe('a decision', () => {
  it('is a span that continues the trace of the gateway', async () => {
    const service = await start();
    const sent = { ...alice, traceparent, tracestate: 'vendor=abc' };
    const answer = await service.ask(
      sent,
      'https://api.example.com/orders/secret-path?token=s3cret',
    );
    expect(answer.status).toBe(200);
    const [span, ...others] = await spansOf(service);
    expect(others).toEqual([]);
    expect(span).toMatchObject({
      ...{ traceId, parentSpanId: parentId, traceState: 'vendor=abc' },
      ...{ name: 'GET /auth/nginx', kind: server, status: 0 },
      resource: { 'service.name': 'countersign', 'telemetry.sdk.language': 'nodejs' },
    });
    const { 'countersign.jti': jti, ...attributes } = span?.attributes ?? {};
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
    expect(attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/auth/nginx',
      'http.response.status_code': 200,
      'countersign.gateway': 'nginx',
      'countersign.decision': 'allowed',
      'countersign.credential': 'basic',
      'countersign.route': 'orders',
    });
    expect((span?.end ?? 0n) > (span?.start ?? 0n)).toBe(true);
  });

  it('that is a refusal says why, and is no error', async () => {
    const service = await start();
    expect((await service.ask({})).status).toBe(401);
    const [span] = await spansOf(service);
    expect(span).toMatchObject({
      ...{ parentSpanId: '', status: 0 },
      attributes: {
        'countersign.decision': 'refused',
        'countersign.reason': 'no_credential',
        'http.response.status_code': 401,
      },
    });
  });

  it('is a span only where there is one', async () => {
    const service = await start();
    const unknown = await call({ path: '/auth/other', port: service.ports.auth });
    expect(unknown.status).toBe(404);
    expect(await spansOf(service)).toEqual([]);
  });

  it('over gRPC continues Envoy’s own span, or else that of the request', async () => {
    const [port = 0] = await freePorts(1);
    const service = await start({
      gateways: '{ envoy_grpc: {} }',
      listen: `  grpc: 127.0.0.1:${port}`,
    });
    const other = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    await check(port, { metadata: { traceparent }, headers: { traceparent: other } });
    await check(port, { headers: { traceparent: other } });
    const spans = await spansOf(service);
    expect(spans.map((span) => [span.traceId, span.parentSpanId])).toEqual([
      [traceId, parentId],
      ['c'.repeat(32), 'd'.repeat(16)],
    ]);
    expect(spans[0]).toMatchObject({
      ...{ name: 'envoy.service.auth.v3.Authorization/Check', kind: server },
      attributes: {
        'rpc.system.name': 'grpc',
        'countersign.gateway': 'envoy_grpc',
        'countersign.decision': 'allowed',
      },
    });
  });
});

function check(
  port: number,
  asked: {
    readonly metadata?: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
  },
): Promise<unknown> {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(asked.metadata ?? {})) metadata.set(key, value);
  const rawValue = Buffer.alloc(0);
  const headers = Object.entries({ authorization: alice.Authorization, ...asked.headers }).map(
    ([key, value]) => ({ key, value: Buffer.from(value), rawValue }),
  );
  const http = { method: 'GET', path: Buffer.from('/'), host: 'api.example.com', scheme: 'https' };
  const bytes = checkRequest.encode({ attributes: { request: { http: { ...http, headers } } } });
  const envoy = open(new Client(`127.0.0.1:${port}`, credentials.createInsecure()));
  return new Promise((resolve, reject) => {
    envoy.makeUnaryRequest(
      '/envoy.service.auth.v3.Authorization/Check',
      (plain: Buffer) => plain,
      (plain: Buffer) => plain,
      bytes,
      metadata,
      (error, answer) => (error ? reject(error) : resolve(answer)),
    );
  });
}

describe('what a decision asks of others', () => {
  it('is a span below it, and the introspection endpoint is told', async () => {
    const provider = open(
      await startIdentityProvider({ id: 'countersign', secret: 'client-secret' }),
    );
    provider.activate('opaque-token', { clientId: 'orders', exp: 4_000_000_000 });
    const service = await start({
      kinds: `{ bearer: { verify: { introspection: { endpoint: ${provider.introspectionEndpoint},
        client_id: countersign, client_secret: client-secret } } } }`,
    });
    const headers = { Authorization: 'Bearer opaque-token', traceparent, tracestate: 'vendor=abc' };
    expect((await service.ask(headers)).status).toBe(200);
    const spans = await spansOf(service);
    const asked = spans.find(({ kind }) => kind === client);
    const decision = spans.find(({ kind }) => kind === server);
    expect(spans).toHaveLength(2);
    expect(asked).toMatchObject({
      ...{ name: 'POST', traceId, parentSpanId: decision?.spanId, status: 0 },
      attributes: {
        'countersign.purpose': 'introspection',
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'url.full': provider.introspectionEndpoint,
        'server.address': '127.0.0.1',
      },
    });
    const told = provider.calls.find(({ path }) => path === '/introspect')?.headers;
    expect(told).toMatchObject({
      traceparent: `00-${traceId}-${asked?.spanId}-01`,
      tracestate: 'vendor=abc',
    });
    const written = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? '' : value));
    for (const secret of ['opaque-token', 'client-secret']) expect(written).not.toContain(secret);
  });

  it('of Vault is a signature with the call for it', async () => {
    const vault = open(await startVault());
    vault.createKey('countersign');
    const service = await start({
      keys: `keys: { algorithm: ES256, vault_transit: { address: ${vault.address}, key: countersign, token: ${vault.token} } }`,
    });
    const before = vault.calls.length;
    expect((await service.ask({ ...alice, traceparent })).status).toBe(200);
    vault.disturb = (_, response) => {
      response.writeHead(400).end();
      return true;
    };
    expect((await service.ask(alice)).status).toBe(403);
    const spans = await spansOf(service);
    const signing = spans.find(({ name }) => name === 'sign');
    const call = spans.find(({ kind }) => kind === client);
    const decision = spans.find(({ kind }) => kind === server);
    expect(signing).toMatchObject({ traceId, parentSpanId: decision?.spanId });
    expect(signing?.attributes).toMatchObject({ 'countersign.key.place': 'vault_transit' });
    expect(call).toMatchObject({ traceId, parentSpanId: signing?.spanId });
    expect(call?.attributes['url.full']).toBe(
      `${vault.address}/v1/transit/sign/countersign/sha2-256`,
    );
    expect(vault.calls[before]?.headers).toMatchObject({
      traceparent: `00-${traceId}-${call?.spanId}-01`,
    });
    // Vault's refusal makes it look at the key anew, too: a GET.
    const failed = spans.filter(({ status, name }) => status === 2 && name !== 'GET');
    expect(failed.map(({ attributes }) => attributes['error.type']).sort()).toEqual([
      '400',
      'SignerUnavailable',
    ]);
  });

  (softHsmIsMissing ? it.skip : it)('of an HSM is a signature', async () => {
    const hsm = await createToken(freshDirectory());
    await hsm.addKey({ type: 'RSA', label: 'signer', id: '01' });
    const { directory, env } = hsm;
    const service = await start({ keys: keysOnToken('signer'), directory, env });
    expect((await service.ask(alice)).status).toBe(200);
    const spans = await spansOf(service);
    const decision = spans.find(({ kind }) => kind === server);
    expect(spans.find(({ name }) => name === 'sign')).toMatchObject({
      parentSpanId: decision?.spanId,
      attributes: { 'countersign.key.place': 'pkcs11', 'countersign.key.alg': 'RS256' },
    });
  });
});

describe('a traceparent of a stranger', () => {
  it('that is not well-formed begins a new trace, and changes no answer', async () => {
    const service = await start();
    const hostile = [
      '',
      'x',
      traceparent.toUpperCase(),
      `ff-${traceId}-${parentId}-01`,
      `00-${'0'.repeat(32)}-${parentId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `${traceparent}-more`,
      `00-${traceId}-${parentId}-zz`,
      `cc-${traceId}-${parentId}-01-x, cc-${traceId}-${parentId}-01`,
      'a'.repeat(30_000),
      `${traceparent}, ${traceparent}`,
    ];
    for (const each of hostile) {
      expect((await service.ask({ ...alice, traceparent: each })).status).toBe(200);
    }
    const twice = { ...alice, traceparent: [traceparent, traceparent] as never };
    expect((await service.ask(twice)).status).toBe(200);
    const spans = await spansOf(service);
    expect(spans).toHaveLength(hostile.length + 1);
    expect(spans.filter((span) => span.traceId === traceId || span.parentSpanId)).toEqual([]);
  });

  it('cannot have everything recorded', async () => {
    const traces = `traces: { endpoint: ${receiver.endpoint}, sample: 0.0001% }`;
    const service = await start({ traces });
    for (let count = 0; count < 50; count++) {
      expect((await service.ask({ ...alice, traceparent })).status).toBe(200);
    }
    expect(await spansOf(service)).toEqual([]);
  });

  it('decides alone where the configuration says so', async () => {
    const traces = `traces: { endpoint: ${receiver.endpoint}, sample: 0.0001%, trust_parent: true }`;
    const service = await start({ traces });
    await service.ask({ ...alice, traceparent });
    await service.ask({ ...alice, traceparent: traceparent.replace(/01$/, '00') });
    await service.ask(alice);
    expect((await spansOf(service)).map((span) => span.traceId)).toEqual([traceId]);
  });

  it('that is not recorded there is not recorded here', async () => {
    const service = await start();
    await service.ask({ ...alice, traceparent: traceparent.replace(/01$/, '00') });
    expect(await spansOf(service)).toEqual([]);
  });
});

describe('the receiver', () => {
  const metric = async (serving: Serving, name: string) => {
    const { body } = await call({ path: '/metrics', port: serving.ports.ops });
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1]);
  };

  it('may be away: decisions go on, and spans arrive once it is back', async () => {
    receiver.disturb = (response) => response.writeHead(503).end();
    const service = await start();
    expect((await service.ask(alice)).status).toBe(200);
    await until(() => receiver.calls.length > 0, service);
    await until(() => service.stdout().includes('spans cannot be delivered'), service);
    receiver.disturb = undefined;
    await until(async () => (await metric(service, 'countersign_spans_delivered_total')) === 1);
    expect(receiver.spans).toHaveLength(1);
    expect(await metric(service, 'countersign_spans_dropped_total')).toBe(0);
    await until(() => service.stdout().includes('spans are delivered again'), service);
  });

  it('that hangs or is not there holds up neither answers nor the stop', async () => {
    receiver.disturb = () => {};
    const [closed] = await freePorts(1);
    for (const endpoint of [receiver.endpoint, `http://127.0.0.1:${closed}/v1/traces`]) {
      const service = await start({ traces: `traces: { endpoint: '${endpoint}', sample: 100% }` });
      expect((await service.ask(alice)).status).toBe(200);
      service.kill('SIGTERM');
      const { code, stdout } = await service.ended;
      expect(code).toBe(0);
      expect(stdout).toContain('spans were never delivered');
    }
  });

  it('that refuses for good is not asked again about the same', async () => {
    receiver.disturb = (response) => response.writeHead(400).end();
    const service = await start();
    await service.ask(alice);
    await until(async () => (await metric(service, 'countersign_spans_dropped_total')) === 1);
    service.kill('SIGTERM');
    await service.ended;
    expect(receiver.calls).toHaveLength(1);
  });

  it('gets the headers of the file', async () => {
    const directory = freshDirectory();
    writeFiles(directory, {
      'otlp.headers': '# for it\nX-Api-Key: the-key\r\n\nX-Scope: team a\n',
    });
    const service = await start({
      directory,
      traces: `traces: { endpoint: ${receiver.endpoint}, sample: 100%, headers_file: otlp.headers, service_name: edge }`,
    });
    await service.ask(alice);
    const [span] = await spansOf(service);
    expect(span?.resource['service.name']).toBe('edge');
    expect(receiver.calls[0]).toMatchObject({ 'x-api-key': 'the-key', 'x-scope': 'team a' });
    expect(service.stdout()).not.toContain('the-key');
  });

  it('over https is trusted by the CA of the file', async () => {
    const ca = issueAuthority({ subject: name({ CN: 'OTLP CA' }), keys: ecKeys() });
    const extensions = [subjectAltName(['ip', '\x7f\0\0\x01'])];
    const leaf = issueCertificate({ subject: name({ CN: 'otlp' }), extensions }, ca);
    const key = String(leaf.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    receiver = open(await startOtlpReceiver({ cert: leaf.pem, key }));
    const directory = freshDirectory();
    writeFiles(directory, { 'ca.pem': ca.pem });
    const traces = `traces: { endpoint: '${receiver.endpoint}', sample: 100%, ca_file: ca.pem }`;
    const service = await start({ directory, traces });
    await service.ask(alice);
    expect(await spansOf(service)).toHaveLength(1);
  });

  it.each([
    ['headers_file: otlp.headers', 'line 1 is not `Name: value`'],
    ['headers_file: missing', 'cannot be read (ENOENT)'],
    ['ca_file: otlp.headers', 'PEM'],
  ])('is not served with a bad file: %s', async (setting, problem) => {
    const directory = freshDirectory();
    const traces = `traces: { endpoint: ${receiver.endpoint}, ${setting} }`;
    writeFiles(directory, {
      'otlp.headers': 'the-key-without-a-name',
      'countersign.yaml': configuration({ traces }, await threePorts()),
    });
    const { code, stderr } = await countersign(['serve'], { cwd: directory });
    expect([code, stderr]).toEqual([78, expect.stringContaining(problem)]);
    expect(stderr).not.toContain('the-key');
  });
});

describe('OpenTelemetry', () => {
  /** @returns the packages of it that a run loaded, by Node's own record of what it compiled */
  async function packagesLoaded(settings: Settings): Promise<readonly string[]> {
    const coverage = freshDirectory();
    const service = await start({ ...settings, env: { NODE_V8_COVERAGE: coverage } });
    expect((await service.ask({ ...alice, traceparent })).status).toBe(200);
    service.kill('SIGTERM');
    expect((await service.ended).code).toBe(0);
    const records = readdirSync(coverage).map((file) => readFileSync(join(coverage, file), 'utf8'));
    const found = records.join().matchAll(/node_modules\/(@opentelemetry\/[\w-]+)/g);
    return [...new Set([...found].map(([, name = '']) => name))];
  }

  it('is loaded only where traces are configured', async () => {
    expect(await packagesLoaded({})).toContain('@opentelemetry/sdk-trace');
    // The API, without anything behind it, comes with the client of Prometheus.
    const without = await packagesLoaded({ traces: '' });
    expect(without.filter((name) => name !== '@opentelemetry/api')).toEqual([]);
  });
});
