import { startEnvoy } from '../support/envoy.ts';
import { envoyTraits } from '../support/envoy-traits.ts';
import { describeGateway } from '../support/gateway-suite.ts';

describeGateway({
  ...envoyTraits,
  gateway: 'envoy',
  startGateway: (home) => startEnvoy(home, 'envoy.yaml'),
});
