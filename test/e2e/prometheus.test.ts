import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { issueAuthority, issueCertificate, name, subjectAltName } from '../support/certificates.ts';
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts';
import {
  asNginx,
  basic,
  call,
  endAll,
  freshDirectory,
  isMissing,
  patience,
  type Serving,
  serve,
  until,
  writeFiles,
} from '../support/process.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { startRedis } from '../support/redis.ts';

jest.setTimeout(2 * patience);

const isThere = !isMissing('prometheus') && !isMissing('redis-server');
const describeWithPrometheus = isThere ? describe : describe.skip;

const root = join(import.meta.dirname, '../..');
const rules = join(root, 'ops/alerts.yaml');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const authority = issueAuthority({ subject: name({ CN: 'CA' }) });
const server = issueCertificate(
  {
    subject: name({ CN: 'countersign' }),
    extensions: [subjectAltName(['ip', '\x7f\0\0\x01'])],
    // So that an alert is due.
    notAfter: new Date(Date.now() + 24 * 3600_000),
  },
  authority,
);

let idp: IdentityProvider;
let running: Serving;
let prometheus: Prometheus;

/** A service that has everything there is to measure. */
async function serveAll(): Promise<Serving> {
  const redis = await startRedis();
  const directory = freshDirectory();
  writeFiles(directory, {
    'server.pem': server.pem,
    'server.key': server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'api-keys.yaml': `- { owner: ci, sha256: ${sha256('the-key')} }\n`,
    'state.key': Buffer.alloc(32, 'abcdefghijklmnop').toString('base64'),
  });
  return serve(
    (ports) => `
issuer: https://countersign.example.com
listen:
  auth: { address: '127.0.0.1:${ports.auth}', tls: { cert_file: server.pem, key_file: server.key } }
  public: 127.0.0.1:${ports.public}
  ops: 127.0.0.1:${ports.ops}
workers: 2
gateways: { nginx: {} }
credentials:
  - bearer: { verify: { issuer: '${idp.issuer}', audiences: [account] } }
  - bearer:
      client_id: client_id
      verify:
        introspection: { endpoint: '${idp.introspectionEndpoint}', client_id: c, client_secret: s }
  - api_key: { verify: { keys_file: api-keys.yaml } }
token: { audience: a }
keys: { algorithm: ES256, replicas: shared }
state: { redis: 'redis://127.0.0.1:${redis.port}', encryption_key_file: state.key }
clients:
  - { id: all, secret_sha256: ${sha256('secret')}, may: [introspect, revoke], audiences: any }
audit: { file: audit.jsonl }
traces: { endpoint: '${idp.issuer}/v1/traces', sample: 100% }
drain: 0s
`,
    { directory },
  );
}

/** Something of everything that is counted. */
async function makeTraffic(): Promise<void> {
  const ask = (headers: Readonly<Record<string, string>>) =>
    call({ port: running.ports.auth, tls: { ca: authority.pem }, ...asNginx(headers) });
  idp.activate('opaque', { client_id: 'batch', exp: Math.floor(Date.now() / 1000) + 300 });
  const bearer = await idp.issue({ clientId: 'shop' });
  for (const token of [bearer, 'opaque', 'unknown']) {
    await ask({ Authorization: `Bearer ${token}` });
  }
  const { headers } = await ask({ apikey: 'the-key' });
  expect(await ask({ apikey: 'wrong' })).toMatchObject({ status: 401 });
  for (const path of ['/introspect', '/revoke', '/introspect']) {
    await call({
      port: running.ports.public,
      path,
      method: 'POST',
      headers: {
        Authorization: basic('all', 'secret'),
        'Content-Type': 'application/x-www-form-urlencoded',
      },
      body: `token=${headers['x-custom-jwt']}`,
    });
  }
  await call({ port: running.ports.public, path: '/jwks' });
}

/** Expressions of the dashboard, with its variables filled in, and the labels that legends name. */
interface Shown {
  readonly expression: string;
  readonly legend: string;
}
const dashboard = JSON.parse(readFileSync(join(root, 'ops/grafana-dashboard.json'), 'utf8'));
const shown: readonly Shown[] = dashboard.panels.flatMap(
  ({ targets = [] }: { targets?: readonly { expr: string; legendFormat: string }[] }) =>
    targets.map(({ expr, legendFormat }) => ({
      expression: expr
        .replaceAll('$job', 'countersign')
        .replaceAll('$instance', '.+')
        .replaceAll('$__rate_interval', '1m'),
      legend: legendFormat,
    })),
);
const alerts: readonly { readonly alert: string; readonly expr: string }[] = parse(
  readFileSync(rules, 'utf8'),
).groups[0].rules;

/** Series that an expression reads, each with its matchers. */
function selectorsOf(expression: string): string[] {
  const series = /\b(?:countersign|nodejs|process)_\w+(?:\{[^}]*\})?|\bup(?:\{[^}]*\})?/g;
  // Whether a status came up is a matter of luck; that there is such a label is not.
  return (expression.match(series) ?? [])
    .map((each) => each.replace(/status=~"[^"]*"/, 'status!=""'))
    .flatMap(eachAlternative);
}

/** Of `=~"a|b"` each by itself: one that is misspelt would hide behind the others. */
function eachAlternative(selector: string): string[] {
  const [, before = '', alternatives = '', after = ''] =
    /^(.*=~")([^"]*\|[^"]*)(".*)$/s.exec(selector) ?? [];
  if (alternatives === '') return [selector];
  return alternatives.split('|').map((each) => `${before}${each}${after}`);
}

/** Labels that an expression groups or joins by. */
function groupedBy(expression: string): string[] {
  return [...expression.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap(
    ([, names = '']) =>
      names
        .split(',')
        .map((each) => each.trim())
        .filter(Boolean),
  );
}

describeWithPrometheus('a Prometheus that scrapes the running service', () => {
  beforeAll(async () => {
    idp = await startIdentityProvider({ id: 'c', secret: 's' });
    running = await serveAll();
    await makeTraffic();
    prometheus = await startPrometheus(`127.0.0.1:${running.ports.ops}`, rules);
    // A rate needs two scrapes.
    const rate = 'rate(countersign_tokens_signed_total[1m])';
    await until(async () => (await prometheus.query(rate)).length > 0, running);
    await makeTraffic();
  });
  afterAll(async () => {
    await endAll();
    await idp?.close();
  });

  async function expectKnown(expression: string): Promise<void> {
    const selectors = selectorsOf(expression);
    expect(selectors).not.toEqual([]);
    const labels = new Set<string>();
    for (const selector of selectors) {
      const found = await prometheus.query(selector);
      expect({ selector, series: found.length }).not.toEqual({ selector, series: 0 });
      for (const series of found) for (const each of Object.keys(series)) labels.add(each);
    }
    expect(groupedBy(expression).filter((each) => !labels.has(each))).toEqual([]);
  }

  it('takes the metrics for well-formed', async () => {
    const { body } = await call({ port: running.ports.ops, path: '/metrics' });
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    const said = `${checked.stdout}${checked.stderr}`;
    expect(said.split('\n').filter((line) => line.startsWith('countersign_'))).toEqual([]);
    expect(said).not.toMatch(/error/i);
    expect(body).toMatch(/^countersign_ready 1$/m);
  });

  it.each(alerts)('has every series of $alert', async ({ expr }) => {
    await expectKnown(expr);
  });

  it.each(shown)(
    'has every series of the dashboard: $expression',
    async ({ expression, legend }) => {
      await expectKnown(expression);
      // What filters by value may have nothing to show.
      const results = await prometheus.query(expression.replace(/ > 0$/, ''));
      expect(results).not.toEqual([]);
      const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      for (const result of results) {
        for (const label of labels) expect(Object.keys(result)).toContain(label);
      }
    },
  );

  it('has every metric of the service in an alert or on the dashboard', async () => {
    const { body } = await call({ port: running.ports.ops, path: '/metrics' });
    const names = [...body.matchAll(/^# TYPE (countersign_\w+)/gm)].map(([, each = '']) => each);
    expect(names.length).toBeGreaterThan(20);
    const used = [...shown.map(({ expression }) => expression), ...alerts.map(({ expr }) => expr)];
    expect(names.filter((each) => !used.some((one) => one.includes(each)))).toEqual([]);
  });

  it('evaluates the rules, and fires those that are due, in whole sentences', async () => {
    interface Group {
      readonly rules: readonly {
        readonly name: string;
        readonly health: string;
        readonly alerts: readonly { readonly annotations: Readonly<Record<string, string>> }[];
      }[];
    }
    const read = async () => {
      const { groups } = (await prometheus.get('/api/v1/rules')) as { groups: readonly Group[] };
      return groups.flatMap((group) => group.rules);
    };
    await until(async () => (await read()).every(({ health }) => health === 'ok'), running);
    const found = await read();
    expect(found.map((each) => each.name)).toEqual(alerts.map(({ alert }) => alert));
    const firing = found.filter((each) => each.alerts.length > 0);
    expect(firing.map((each) => each.name)).toEqual([
      'CountersignCertificateExpires',
      'CountersignCertificateEnds',
    ]);
    expect(firing[0]?.alerts[0]?.annotations['summary']).toMatch(
      /^The certificate of 127\.0\.0\.1:\d+, listener auth, ends in 23h 5\dm \d+s$/,
    );
  });
});
