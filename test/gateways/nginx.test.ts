import { describeGateway } from '../support/gateway-suite.ts';
import { startNginx } from '../support/nginx.ts';

describeGateway({
  gateway: 'nginx',
  startGateway: startNginx,
  needs: ['nginx'],
  statusWhenDown: 500,
  statusOfTwoAuthorizations: 400,
  statusOfNomination: () => 200,
  pathOf: (path) => path,
  statusOfUnderscores: 200,
  connectionsAtMost: 1,
  strangeCertificate: 'is answered 400',
  passesTrailers: false,
});
