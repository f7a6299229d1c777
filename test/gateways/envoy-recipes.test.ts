import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Seen } from '../support/backend.ts';
import { startEmissary } from '../support/emissary.ts';
import { startEnvoyGateway } from '../support/envoy-gateway.ts';
import { type GatewayLab, startGatewayLab } from '../support/gateway-lab.ts';
import { type Impostor, startImpostor } from '../support/impostor.ts';
import { startIstio } from '../support/istio.ts';
import { basic, isMissing } from '../support/process.ts';
import { send } from '../support/service.ts';

const settings = `
gateways: { envoy: {} }
credentials: [{ basic: { trust: gateway } }]
token: { upstream_hosts: any }
`;
const alice = ['Authorization', basic('alice', 'secret')];
const empty = 'Content-Length: 0\r\nConnection: close\r\n\r\n';

const recipes = [
  ['istio', startIstio],
  ['envoy-gateway', startEnvoyGateway],
  ['emissary', startEmissary],
] as const;

(isMissing('envoy') ? describe.skip : describe).each(recipes)(
  'the recipe for %s, where something else answers in the place of Countersign',
  (gateway, startGateway) => {
    let lab: GatewayLab;
    let impostor: Impostor;
    beforeAll(async () => {
      impostor = await startImpostor();
      lab = await startGatewayLab({
        ...{ gateway, settings },
        startGateway: (home, ports) => startGateway(home, { ...ports, countersign: impostor.port }),
      });
    }, 60_000);
    afterAll(async () => {
      await lab.close();
      impostor.close();
    });

    const ask = (...headers: string[]) =>
      send({ port: lab.httpPort, path: '/a', headers: ['Host', 'api.example.com', ...headers] });

    it.each([
      ['nothing, for 3 s', '', 503],
      ['no HTTP', 'hello\r\n\r\n', 503],
      ['500', `HTTP/1.1 500 x\r\n${empty}`, 503],
      ['204', `HTTP/1.1 204 x\r\nConnection: close\r\n\r\n`, 204],
      ['403', `HTTP/1.1 403 x\r\n${empty}`, 403],
    ])('is closed: %s', async (_what, text, status) => {
      impostor.says = text;
      const before = lab.backend.seen.length;
      const asked = Date.now();
      const answer = await ask(...alice, 'X-Custom-Jwt', 'evil');
      expect(answer.status).toBe(status);
      expect(lab.backend.seen).toHaveLength(before);
      // The longest that one of these defaults to is 600 s.
      expect(Date.now() - asked).toBeLessThan(30_000);
    });

    it("never passes the client's own token on, even where a 200 brings none", async () => {
      impostor.says = `HTTP/1.1 200 OK\r\n${empty}`;
      const answer = await ask(...alice, 'X-Custom-Jwt', 'evil', 'X.Custom.Jwt', 'evil');
      expect(answer.status).toBe(200);
      const { headers }: Seen = JSON.parse(answer.body);
      expect(headers.flat()).not.toContain('evil');
    });

    it('asks without words that only a gateway may say', async () => {
      impostor.says = `HTTP/1.1 403 x\r\n${empty}`;
      const forged = ['X-Countersign-Credential', 'basic', 'X-Countersign-Secret', 'guess'];
      await ask(
        ...alice,
        ...forged,
        'X-Forwarded-Client-Cert',
        'Hash=00',
        'X-Forwarded-Proto',
        'ws',
      );
      expect(impostor.heard()).toMatch(/^GET \/auth\/envoy\/a HTTP\/1.1\r\n/);
      expect(impostor.heard()).toMatch(/\r\nx-forwarded-proto: http\r\n/);
      expect(impostor.heard()).not.toMatch(/countersign-|forwarded-client-cert/i);
    });
  },
);
