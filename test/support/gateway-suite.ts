import { afterAll, beforeAll, describe } from '@jest/globals';
import { deadIssuer, testAnswers } from './gateway-answers.ts';
import { testCertificates } from './gateway-certificates.ts';
import { testForgeries } from './gateway-forgeries.ts';
import { type GatewayLab, startGatewayLab } from './gateway-lab.ts';
import { testOutages } from './gateway-outages.ts';
import { testTargets } from './gateway-targets.ts';
import type { GatewayTraits } from './gateway-traits.ts';
import { testTransport } from './gateway-transport.ts';
import { isMissing } from './process.ts';

const settingsFor = (profile: string) => `
gateways: { ${profile}: { client_certificate: true } }
credentials:
  - basic: { trust: gateway }
  - bearer: { verify: { issuer: "${deadIssuer}", audiences: any } }
  - client_certificate: { verify: { ca_file: clients-ca.pem } }
token:
  upstream_hosts: any
  claims:
    method: request.method
    host: request.host
    scheme: request.scheme
    path: request.path
    query: request.query
routes: [{ match: { hosts: [forbidden.example.com] }, require: "false" }]
default_route: {}
drain: 2s
`;

/** What every recipe must hold, whatever its gateway. */
export function describeGateway(traits: GatewayTraits): void {
  const { gateway, profile = gateway, variant = 'recipe', startGateway, needs } = traits;
  const settings = settingsFor(profile);

  (needs.some(isMissing) ? describe.skip : describe)(
    `${gateway} with the shipped ${variant}`,
    () => {
      let running: GatewayLab;
      const lab = () => running;
      beforeAll(async () => {
        running = await startGatewayLab({ gateway, profile, settings, startGateway });
      }, 60_000);
      afterAll(() => running.close());

      testAnswers(traits, lab);
      testForgeries(traits, lab);
      testTargets(traits, lab);
      testTransport(traits, lab);
      testCertificates(traits, lab);
      testOutages(traits, lab);
    },
  );
}
