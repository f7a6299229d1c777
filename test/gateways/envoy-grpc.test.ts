import { startEnvoy } from '../support/envoy.ts';
import { describeGateway } from '../support/gateway-suite.ts';

describeGateway({
  gateway: 'envoy_grpc',
  startGateway: (home) => startEnvoy(home, 'envoy.yaml'),
  needs: ['envoy'],
  statusWhenDown: 503,
  statusWhenIssuerDown: 403,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header) => (header.startsWith('Authorization') ? 401 : 200),
  pathOf: (path) => path,
  statusOfUnderscores: 400,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
});
