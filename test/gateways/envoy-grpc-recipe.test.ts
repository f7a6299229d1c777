import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Seen } from '../support/backend.ts';
import { startEnvoy } from '../support/envoy.ts';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { basic, isMissing } from '../support/process.ts';
import { send } from '../support/service.ts';

const settings = `
gateways: { envoy_grpc: {} }
credentials: [{ basic: { trust: gateway } }, { api_key: { trust: gateway } }]
token:
  upstream_hosts: any
  downstream_header: X-Custom-Jwt-Out
  strip: [authorization, apikey]
  headers: { X-Client-Id: client_id }
`;

let lab: GatewayLab;
afterEach(() => lab.close());

/** @param edit what a user could have changed in the recipe */
async function startLab(edit = (recipe: string) => recipe): Promise<void> {
  lab = await startGatewayLab({
    gateway: 'envoy_grpc',
    settings,
    startGateway(home) {
      const file = join(home, 'countersign', 'envoy.yaml');
      writeFileSync(file, edit(readFileSync(file, 'utf8')));
      return startEnvoy(home, 'envoy.yaml');
    },
  });
}

const ask = (...headers: readonly string[]) =>
  send({ port: lab.httpPort, path: '/', headers: ['Host', 'api.example.com', ...headers] });
const alice = ['Authorization', basic('alice', 'x')];

(isMissing('envoy') ? describe.skip : describe)('Envoy over gRPC', () => {
  it('strips credentials, sets every header, and gives the client its copy', async () => {
    await startLab();
    const answer = await ask(...alice, 'X-Client-Id', 'evil', 'X-Custom-Jwt-Out', 'evil');
    const { headers } = JSON.parse(answer.body) as Seen;
    const atBackend = (name: string) => headers.filter(([header]) => header === name);
    expect(atBackend('authorization')).toEqual([]);
    expect(atBackend('x-client-id').map(([, value]) => value)).toEqual(['alice']);
    expect([answer.headers['x-custom-jwt-out']]).toEqual(
      atBackend('x-custom-jwt').map(([, value]) => value),
    );
    expect(answer.headers['x-custom-jwt']).toBeUndefined();
  });

  it('gives a refused client a challenge for each scheme, and no token', async () => {
    await startLab();
    const { status, rawHeaders } = await ask();
    const challenges = rawHeaders.filter((_, at) => /^www-auth/i.test(rawHeaders[at - 1] ?? ''));
    expect([status, challenges.map((each) => each.split(' ')[0])]).toEqual([
      ...[401, ['Basic', 'ApiKey']],
    ]);
    expect(rawHeaders.join()).not.toMatch(/x-custom-jwt/i);
  });

  it('overwrites a client’s own token even where nothing was stripped before', async () => {
    await startLab((recipe) =>
      recipe
        .replaceAll(/^ +- remove: .*\n/gm, '')
        .replace('request_mutations:\n', 'request_mutations: [{ remove: x-nothing }]\n'),
    );
    const { body } = await ask(...alice, 'X-Custom-Jwt', 'evil', 'X-Custom-Jwt', 'evil');
    const { headers, claims } = JSON.parse(body) as Seen;
    expect(headers.filter(([header]) => header === 'x-custom-jwt')).toHaveLength(1);
    expect(claims).toMatchObject({ client_id: 'alice' });
    expect((await ask(...alice, 'X.Custom.Jwt', 'evil')).status).toBe(401);
    // A client cannot say which of two credentials counts.
    const two = [...alice, 'apikey', 'k'];
    expect((await ask(...two, 'X-Countersign-Credential', 'basic')).status).toBe(401);
  });

  it('without encode_raw_headers, two lines are refused as the one with a comma they look like', async () => {
    await startLab((recipe) => recipe.replace('encode_raw_headers: true', ''));
    expect((await ask(...alice)).status).toBe(200);
    expect((await ask(...alice, ...alice)).status).toBe(401);
    expect((await ask(...alice, 'Accept', 'a, b')).status).toBe(200);
  });
});
