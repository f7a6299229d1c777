import { describeGateway } from '../support/gateway-suite.ts';
import { startNginx } from '../support/nginx.ts';

describeGateway({
  gateway: 'nginx',
  startGateway: startNginx,
  needs: ['nginx'],
  statusWhenDown: 500,
  statusWhenIssuerDown: 403,
  passesRetryAfter: false,
  // Newer ones than 1.22 pass all.
  challenges: 'the first alone',
  statusOfTwoAuthorizations: 400,
  statusOfNomination: () => 200,
  pathOf: (path) => path,
  statusOfUnderscores: 200,
  connectionsAtMost: 1,
  strangeCertificate: 'is answered 400',
  passesTrailers: false,
});
