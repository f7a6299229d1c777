import { startEmissary } from '../support/emissary.ts';
import { envoyTraits, normalized } from '../support/envoy-traits.ts';
import { describeGateway } from '../support/gateway-suite.ts';

describeGateway({
  ...envoyTraits,
  gateway: 'emissary',
  profile: 'envoy',
  startGateway: startEmissary,
  pathOf: normalized,
});
