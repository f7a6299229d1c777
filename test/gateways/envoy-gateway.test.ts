import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
import { readEnvoyGatewayRecipe, startEnvoyGateway } from '../support/envoy-gateway.ts';
import { envoyTraits, normalized } from '../support/envoy-traits.ts';
import { describeGateway } from '../support/gateway-suite.ts';

describeGateway({
  ...envoyTraits,
  gateway: 'envoy-gateway',
  profile: 'envoy',
  startGateway: startEnvoyGateway,
  // With slashes merged, too; one that hides a slash is sent back first.
  pathOf: (path) => normalized(path).replace(/\/+/g, '/'),
  statusOfPath: (path) => (/%2f/i.test(path) ? 307 : 200),
});

it("lets the policy of Envoy Gateway's recipe name the service", () => {
  const recipes = join(dirname(import.meta.dirname), '..', 'gateways', 'envoy-gateway');
  const { security, grant } = readEnvoyGatewayRecipe(recipes);
  const [service] = security.spec.extAuth.http.backendRefs;
  expect(grant.metadata.namespace).toBe(service.namespace);
  expect(grant.spec.to[0].name).toBe(service.name);
});
