import { describeGateway } from '../support/gateway-suite.ts';
import { startIngressNginx } from '../support/ingress-nginx.ts';

describeGateway({
  gateway: 'ingress-nginx',
  startGateway: startIngressNginx({ controller: 'with the controller part' }),
  needs: ['nginx'],
  statusWhenDown: 500,
  statusWhenIssuerDown: 403,
  passesRetryAfter: false,
  // Newer ones than 1.22 pass all.
  challenges: 'the first alone',
  statusOfTwoAuthorizations: 400,
  statusOfNomination: () => 200,
  pathOf: (path) => path,
  // The recipe refuses it: the question would name the Host line.
  absoluteForm: 'is refused',
  statusOfUnderscores: 200,
  // The controller has no connections to keep: one for each question.
  connectionsAtMost: 20,
  strangeCertificate: 'is answered 400',
  passesTrailers: false,
});
