import { envoyTraits, normalized } from '../support/envoy-traits.ts';
import { describeGateway } from '../support/gateway-suite.ts';
import { startIstio, startIstioOverGrpc } from '../support/istio.ts';

const traits = { ...envoyTraits, gateway: 'istio', pathOf: normalized } as const;

describeGateway({ ...traits, profile: 'envoy', startGateway: startIstio });

describeGateway({
  ...traits,
  profile: 'envoy_grpc',
  variant: 'provider for gRPC',
  startGateway: startIstioOverGrpc,
  clientCertificates: 'are not passed on',
});
