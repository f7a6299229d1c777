import { describeGateway } from '../support/gateway-suite.ts';
import { startIstio, startIstioOverGrpc } from '../support/istio.ts';

const traits = {
  gateway: 'istio',
  needs: ['envoy'],
  statusWhenDown: 503,
  statusWhenIssuerDown: 403,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header: string) => (header.startsWith('Authorization') ? 401 : 200),
  // Normalized, as RFC 3986 has it.
  pathOf: (path: string) => new URL(`http://site${path}`).pathname,
  statusOfUnderscores: 400,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
} as const;

describeGateway({ ...traits, profile: 'envoy', startGateway: startIstio });

describeGateway({
  ...traits,
  profile: 'envoy_grpc',
  variant: 'provider for gRPC',
  startGateway: startIstioOverGrpc,
  clientCertificates: 'are not passed on',
});
