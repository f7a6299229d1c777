import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { refuse } from '../../../src/exchange/refusals.ts';
import type { Allowed } from '../../../src/exchange/types.ts';
import { createHealthListener } from '../../../src/ops/health.ts';
import { createOpsListener } from '../../../src/ops/listener.ts';
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
  issuers: () => [
    { issuer: 'https://idp.example.com', state: () => issuerState },
    {
      issuer: 'https://down.example.com',
      state: () => ({ ...issuerState, usableKeys: 0, loadedAt: undefined }),
    },
  ],
  keys: () => ({ activeSince: 5_000, nextRotation: 90_000, problem: undefined }),
  tokens: () => ({ reused: 7, signed: 3, kept: 2 }),
  certificates: () => [{ listener: 'auth', expiresAt: 1_900_000_000_000 }],
  configuration: () => ({ generation: 3, appliedAt: 60_000, isCurrent: false }),
};

async function read(change: Partial<MetricSources> = {}) {
  const metrics = createMetrics();
  metrics.observe({ ...sources, ...change });
  metrics.countDecision('nginx', allowed, 0.0002);
  metrics.countDecision('nginx', allowed, 0.004);
  metrics.countDecision('edge', refuse('no_credential'), 3);
  return (await metrics.read()).text.split('\n').filter((line) => line.startsWith('countersign_'));
}

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
    expect((await read({ keys: () => undefined })).join('\n')).not.toMatch(/signing_key|key_store/);
  });

  it('are the same when they are read again', async () => {
    const metrics = createMetrics();
    metrics.observe(sources);
    metrics.countDecision('nginx', allowed, 0.001);
    const ours = async () => (await metrics.read()).text.match(/^countersign_.*$/gm);
    expect(await ours()).toEqual(await ours());
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
    const read = async () => ({ type: 'text/plain; version=0.0.4', text: 'a 1\n' });
    server = createServer(createOpsListener({ read }, probes));
    port = await listenAnywhere(server);
  });
  afterAll(() => {
    server.close();
  });

  it.each([
    ['/metrics', 'GET', 200, 'a 1\n'],
    ['/metrics?name=a', 'GET', 200, 'a 1\n'],
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
