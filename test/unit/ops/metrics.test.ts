import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { refusalReasons, refuse } from '../../../src/exchange/refusals.ts';
import type { Allowed } from '../../../src/exchange/types.ts';
import { createHealthListener } from '../../../src/ops/health.ts';
import { createOpsListener } from '../../../src/ops/listener.ts';
import { keepCounts, mergeMetrics, writeMetrics } from '../../../src/ops/metrics/merge.ts';
import { createMetrics, type MetricSources } from '../../../src/ops/metrics.ts';
import { call, listenAnywhere } from '../../support/process.ts';

const allowed: Allowed = {
  allowed: true,
  token: { jwt: 'j', jti: 'i', kid: 'k', iat: 0, exp: 1 },
  headers: [],
  clientId: 'alice',
  credential: 'basic',
  sourceJti: undefined,
  route: 'default',
};
const issuerState = { usableKeys: 2, loads: 5, loadedAt: 40_000, failures: 1, lastFailure: 'x' };
const sources: MetricSources = {
  now: () => 100_000,
  issuers: [
    { issuer: 'https://idp.example.com', state: () => issuerState },
    {
      issuer: 'https://down.example.com',
      state: () => ({ ...issuerState, usableKeys: 0, loadedAt: undefined }),
    },
  ],
  keys: () => ({ activeSince: 5_000, nextRotation: 90_000, problem: undefined }),
  introspectors: [
    { endpoint: 'https://idp.example.com/introspect', counts: () => ({ asked: 9, failed: 4 }) },
  ],
  tokens: () => ({ reused: 7, signed: 3, kept: 2 }),
  revocations: () => ({ store: 'redis', tokens: 12, rules: 1, problem: 'down', age: 1500 }),
  publicCounts: {
    responses: () => [[{ endpoint: 'introspect', status: '200' }, 6]],
    introspections: () => ({ active: 4, inactive: 2 }),
  },
  files: () => [
    { file: '/etc/users', problem: undefined, taken: 3, rejected: 0 },
    { file: '/etc/keys.yaml', problem: 'line 2', taken: 0, rejected: 1 },
  ],
  audit: () => ({ written: 5, failed: 2, problem: 'ENOSPC' }),
  certificates: [{ listener: 'auth', expiresAt: 1_900_000_000_000 }],
  configuration: { generation: 3, appliedAt: 60_000, isCurrent: false },
};

const deps = { gateways: ['nginx'], isReady: () => true };

async function read(change: Partial<MetricSources> = {}) {
  const metrics = createMetrics(deps);
  metrics.observe(() => ({ ...sources, ...change }));
  metrics.countDecision('nginx', allowed, 0.0002);
  metrics.countDecision('nginx', allowed, 0.004);
  metrics.countDecision('edge', refuse('no_credential'), 3);
  return oursIn(await writeMetrics(await metrics.read()));
}

const oursIn = ({ text }: { readonly text: string }) =>
  text.split('\n').filter((line) => line.startsWith('countersign_'));

describe('metrics', () => {
  it('count decisions by gateway, kind of credential and reason', async () => {
    const lines = await read();
    expect(lines).toContain(
      'countersign_decisions_total{gateway="nginx",decision="allowed",credential="basic",reason=""} 2',
    );
    expect(lines).toContain(
      'countersign_decisions_total{gateway="edge",decision="refused",credential="",reason="no_credential"} 1',
    );
    expect(lines).toContain('countersign_decision_duration_seconds_bucket{le="0.00025"} 1');
    expect(lines).toContain('countersign_decision_duration_seconds_bucket{le="0.005"} 2');
    expect(lines).toContain('countersign_decision_duration_seconds_bucket{le="+Inf"} 3');
    expect(lines).toContain('countersign_decision_duration_seconds_count 3');
    expect(lines).toContain('countersign_decision_duration_seconds_sum 3.0042');
  });

  it('have what never happened at 0 from the start, so that its first time is an increase', async () => {
    const { text } = await writeMetrics(await createMetrics(deps).read());
    const lines = text.split('\n').filter((line) => line.startsWith('countersign_decisions_total'));
    expect(lines).toHaveLength(refusalReasons.length + 5);
    expect(lines.every((line) => line.endsWith(' 0'))).toBe(true);
    expect(lines).toContain(
      'countersign_decisions_total{gateway="nginx",decision="refused",credential="",reason="internal_error"} 0',
    );
  });

  it('say when a key came and goes, how old the keys of issuers are, and when certificates end', async () => {
    expect(await read()).toEqual(
      expect.arrayContaining([
        'countersign_tokens_reused_total 7',
        'countersign_tokens_signed_total 3',
        'countersign_tokens_kept 2',
        'countersign_signing_key_active_timestamp_seconds 5',
        'countersign_signing_key_rotation_timestamp_seconds 90',
        'countersign_key_store_up 1',
        'countersign_issuer_keys{issuer="https://idp.example.com"} 2',
        'countersign_issuer_keys{issuer="https://down.example.com"} 0',
        'countersign_issuer_fetches_total{issuer="https://idp.example.com"} 5',
        'countersign_issuer_fetch_failures{issuer="https://idp.example.com"} 1',
        'countersign_issuer_keys_age_seconds{issuer="https://idp.example.com"} 60',
        'countersign_certificate_expiry_timestamp_seconds{listener="auth"} 1900000000',
        'countersign_issuer_introspections_total{endpoint="https://idp.example.com/introspect"} 9',
        'countersign_issuer_introspection_failures_total{endpoint="https://idp.example.com/introspect"} 4',
        'countersign_ready 1',
        'countersign_config_generation 3',
        'countersign_config_last_reload_successful 0',
        'countersign_config_last_reload_success_timestamp_seconds 60',
      ]),
    );
  });

  it('leave out what is not so: an age of keys that are not there, a rotation by hand', async () => {
    const byHand = { activeSince: 5_000, nextRotation: Number.POSITIVE_INFINITY, problem: 'full' };
    const lines = await read({ keys: () => byHand });
    expect(lines.join('\n')).not.toMatch(/age_seconds\{issuer="https:\/\/down/);
    expect(lines.join('\n')).not.toMatch(/key_rotation_timestamp/);
    expect(lines).toContain('countersign_key_store_up 0');
    const little = await read({ keys: () => undefined, audit: undefined });
    expect(little.join('\n')).not.toMatch(
      /signing_key|key_store|countersign_audit_(up|records_total\{)/,
    );
  });

  it('say how it stands with revocations, with the public listener and with files', async () => {
    expect(await read()).toEqual(
      expect.arrayContaining([
        'countersign_revocations{kind="token"} 12',
        'countersign_revocations{kind="rule"} 1',
        'countersign_revocation_store_up{store="redis"} 0',
        'countersign_revocations_age_seconds 1.5',
        'countersign_public_responses_total{endpoint="introspect",status="200"} 6',
        'countersign_audit_up 0',
        'countersign_audit_records_total{result="written"} 5',
        'countersign_audit_records_total{result="failed"} 2',
        'countersign_introspections_total{active="true"} 4',
        'countersign_introspections_total{active="false"} 2',
        'countersign_credential_file_usable{file="/etc/users"} 1',
        'countersign_credential_file_usable{file="/etc/keys.yaml"} 0',
        'countersign_credential_file_reloads_total{file="/etc/users",result="taken"} 3',
        'countersign_credential_file_reloads_total{file="/etc/keys.yaml",result="rejected"} 1',
      ]),
    );
  });

  it('are of what is observed now, also after that was replaced', async () => {
    const metrics = createMetrics(deps);
    let current = sources;
    metrics.observe(() => current);
    await metrics.read();
    current = { ...sources, tokens: () => ({ reused: 1, signed: 1, kept: 1 }), issuers: [] };
    const { text } = await writeMetrics(await metrics.read());
    expect(text).toMatch(/^countersign_tokens_kept 1$/m);
    expect(text).not.toMatch(/^countersign_issuer_keys\{/m);
  });

  it('are the same when they are read again', async () => {
    const metrics = createMetrics(deps);
    metrics.observe(() => sources);
    metrics.countDecision('nginx', allowed, 0.001);
    const ours = async () => oursIn(await writeMetrics(await metrics.read()));
    expect(await ours()).toEqual(await ours());
  });
});

describe('metrics of several processes', () => {
  const processOf = (change: Partial<MetricSources>, decisions: number) => {
    const metrics = createMetrics(deps);
    metrics.observe(() => ({ ...sources, ...change }));
    for (let n = 0; n < decisions; n++) metrics.countDecision('nginx', allowed, 0.0002);
    return metrics.read();
  };
  const keys = (usableKeys: number, failures: number) => [
    { issuer: 'i', state: () => ({ ...issuerState, usableKeys, failures }) },
  ];
  const tokens = (n: number) => ({ tokens: () => ({ reused: n, signed: n, kept: n }) });

  it('are those of one: counts are added up, and what is worst stands for all', async () => {
    const first = await processOf({ issuers: keys(3, 0), ...tokens(0) }, 0);
    const lines = oursIn(
      await writeMetrics(
        await mergeMetrics([
          first,
          await processOf({ issuers: keys(0, 4), ...tokens(5) }, 2),
          await processOf({ issuers: keys(2, 1), ...tokens(7), audit: undefined }, 3),
        ]),
      ),
    );
    expect(lines).toEqual(
      expect.arrayContaining([
        'countersign_decisions_total{gateway="nginx",decision="allowed",credential="basic",reason=""} 5',
        'countersign_decision_duration_seconds_bucket{le="0.00025"} 5',
        'countersign_decision_duration_seconds_count 5',
        'countersign_tokens_signed_total 12',
        'countersign_tokens_kept 12',
        'countersign_issuer_keys{issuer="i"} 0',
        'countersign_issuer_fetch_failures{issuer="i"} 4',
        'countersign_audit_up 0',
        // Every process counts the changes of the same file.
        'countersign_credential_file_reloads_total{file="/etc/users",result="taken"} 3',
        // The first keeps the others, and knows.
        'countersign_config_generation 3',
        'countersign_ready 1',
      ]),
    );
  });

  it('show when the process began that keeps the others, and how the slowest of them is', async () => {
    const lag = (value: number) => ({
      ...{ name: 'nodejs_eventloop_lag_p99_seconds', help: 'h', type: 'gauge' },
      values: [{ labels: {}, value }],
    });
    const first = await processOf({}, 0);
    const aggregator = first.find(({ name }) => name === lag(0).name)?.aggregator ?? '';
    const merged = await mergeMetrics([first, [{ ...lag(9), aggregator }]]);
    const standsAt = (name: string) => merged.find((each) => each.name === name)?.values[0]?.value;
    expect(standsAt(lag(9).name)).toBe(9);
    expect(standsAt('process_start_time_seconds')).toBeGreaterThan(0);
  });

  it('go on counting from where a process that has ended was', async () => {
    const ended = keepCounts(await processOf(tokens(4), 6));
    const text = await writeMetrics(await mergeMetrics([await processOf(tokens(1), 1), ended]));
    expect(oursIn(text)).toEqual(
      expect.arrayContaining([
        'countersign_decision_duration_seconds_count 7',
        'countersign_tokens_signed_total 5',
        'countersign_tokens_kept 1',
      ]),
    );
  });
});

describe('the ops listener', () => {
  let server: Server;
  let port = 0;
  beforeAll(async () => {
    const probes = createHealthListener({
      started: () => true,
      ready: () => false,
      waitingFor: () => undefined,
      describe: () => ({ state: 'starting' }),
    });
    const metric = { name: 'a', help: 'h', type: 'gauge', aggregator: 'sum' };
    const read = async () => [{ ...metric, values: [{ labels: {}, value: 1 }] }];
    server = createServer(createOpsListener(read, probes));
    port = await listenAnywhere(server);
  });
  afterAll(() => {
    server.close();
  });

  it.each([
    ['/metrics', 'GET', 200, '# HELP a h\n# TYPE a gauge\na 1\n'],
    ['/metrics?name=a', 'GET', 200, '# HELP a h\n# TYPE a gauge\na 1\n'],
    ['/metrics', 'HEAD', 200, ''],
    ['/metrics/', 'GET', 404, 'not found\n'],
    ['/readyz', 'GET', 503, 'not ready\n'],
    ['/livez', 'GET', 200, 'ok\n'],
    ['/readyz?verbose', 'GET', 503, '{\n  "state": "starting"\n}\n'],
    ['/readyz?verbose=1', 'GET', 503, '{\n  "state": "starting"\n}\n'],
    ['/readyz?verbosely', 'GET', 503, 'not ready\n'],
    ['/livez?verbose', 'GET', 200, 'ok\n'],
  ])('answers %s, %s: %i', async (path, method, status, body) => {
    const answer = await call({ port, path, method });
    expect([answer.status, answer.body]).toEqual([status, body]);
  });
});
