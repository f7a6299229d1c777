import { startApache } from '../support/apache.ts';
import { describeGateway } from '../support/gateway-suite.ts';

describeGateway({
  gateway: 'apache',
  startGateway: startApache,
  needs: ['apache2', 'lua-socket'],
  statusWhenDown: 503,
  challenges: 'joined in one line',
  statusOfTwoAuthorizations: 401,
  statusOfNomination: () => 400,
  pathOf: (path) => path,
  // ProxyPass takes one of two leading slashes for its own.
  backendPathOf: (path) => path.replace(/^\/\//, '/'),
  statusOfUnderscores: 200,
  connectionsAtMost: 8,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
});
