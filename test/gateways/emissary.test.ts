import { startEmissary } from '../support/emissary.ts';
import { describeGateway } from '../support/gateway-suite.ts';

describeGateway({
  gateway: 'emissary',
  profile: 'envoy',
  startGateway: startEmissary,
  needs: ['envoy'],
  statusWhenDown: 503,
  statusWhenIssuerDown: 403,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header) => (header.startsWith('Authorization') ? 401 : 200),
  // Normalized, as RFC 3986 has it.
  pathOf: (path) => new URL(`http://site${path}`).pathname,
  statusOfUnderscores: 400,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
});
