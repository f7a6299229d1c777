import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
import { readEnvoyGatewayRecipe, startEnvoyGateway } from '../support/envoy-gateway.ts';
import { describeGateway } from '../support/gateway-suite.ts';

describeGateway({
  gateway: 'envoy-gateway',
  profile: 'envoy',
  startGateway: startEnvoyGateway,
  needs: ['envoy'],
  statusWhenDown: 503,
  statusWhenIssuerDown: 403,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header) => (header.startsWith('Authorization') ? 401 : 200),
  // Normalized as RFC 3986 has it, with slashes merged; one that hides a slash is sent back first.
  pathOf: (path) => new URL(`http://site${path}`).pathname.replace(/\/+/g, '/'),
  statusOfPath: (path) => (/%2f/i.test(path) ? 307 : 200),
  statusOfUnderscores: 400,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
});

it("lets the policy of Envoy Gateway's recipe name the service", () => {
  const recipes = join(dirname(import.meta.dirname), '..', 'gateways', 'envoy-gateway');
  const { security, grant } = readEnvoyGatewayRecipe(recipes);
  const [service] = security.spec.extAuth.http.backendRefs;
  expect(grant.metadata.namespace).toBe(service.namespace);
  expect(grant.spec.to[0].name).toBe(service.name);
});
