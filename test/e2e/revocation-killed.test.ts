import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  asNginx,
  basic,
  call,
  endAll,
  freshDirectory,
  listenOn,
  type Ports,
  type Serving,
  serve,
  threePorts,
} from '../support/process.ts';

/** `npm run chaos` asks for more. */
const rounds = Number(process.env['COUNTERSIGN_CHAOS_ROUNDS'] ?? 40);

jest.setTimeout(60_000 + rounds * 10_000);
afterEach(endAll);

const configuration = (ports: Ports) => `
issuer: https://countersign.example.com
${listenOn(ports)}
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a, reuse: off }
keys: { algorithm: ES256 }
clients:
  - id: all
    secret_sha256: ${createHash('sha256').update('secret').digest('hex')}
    may: [introspect, revoke, revoke-any]
    audiences: any
log: { decisions: off }
drain: 0s
`;

async function issue({ ports }: Serving, user: string): Promise<string> {
  const { headers } = await call({
    port: ports.auth,
    ...asNginx({ Authorization: basic(user, 'secret') }),
  });
  return String(headers['x-custom-jwt']);
}

function post({ ports }: Serving, path: string, form: Record<string, string>) {
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

async function isActive(serving: Serving, token: string): Promise<boolean> {
  return JSON.parse((await post(serving, '/introspect', { token })).body).active;
}

/** Revokes several at once, and kills the service as soon as so many were answered with 200. */
async function revokeAndKill(
  serving: Serving,
  forms: readonly Record<string, string>[],
  answers: number,
): Promise<readonly number[]> {
  const acknowledged: number[] = [];
  const revoked = forms.map(async (form, index) => {
    const answer = await post(serving, '/revoke', form).catch(() => undefined);
    if (answer?.status !== 200) return;
    acknowledged.push(index);
    if (acknowledged.length === answers) serving.kill('SIGKILL');
  });
  await Promise.all(revoked);
  await serving.ended;
  return acknowledged;
}

describe('a service that is killed right after it said that something is revoked', () => {
  it(`knows it after each of ${rounds} restarts`, async () => {
    const at = { directory: freshDirectory(), ports: await threePorts() };
    let serving = await serve(configuration, at);
    const revoked: string[] = [];
    const spared = await issue(serving, 'spared');
    for (let round = 0; round < rounds; round++) {
      const client = `client-${round}`;
      const ofClient = await issue(serving, client);
      const single = await Promise.all([1, 2, 3, 4].map((n) => issue(serving, `user-${n}`)));
      const tokens = [...single, ofClient];
      const forms = [...single.map((token) => ({ token })), { revoke_client: client }];
      const acknowledged = await revokeAndKill(serving, forms, 1 + (round % tokens.length));
      expect(acknowledged.length).toBeGreaterThan(round % tokens.length);

      serving = await serve(configuration, at);
      for (const index of acknowledged) revoked.push(tokens[index] ?? '');
      for (const token of revoked.slice(-tokens.length)) {
        expect(await isActive(serving, token)).toBe(false);
      }
    }
    for (const token of revoked) expect(await isActive(serving, token)).toBe(false);
    expect(await isActive(serving, spared)).toBe(true);
  });
});
