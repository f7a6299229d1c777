import { describeGateway } from '../support/gateway-suite.ts';
import { startIngressNginx } from '../support/ingress-nginx.ts';
import { nginxTraits } from '../support/nginx.ts';

describeGateway({
  ...nginxTraits,
  gateway: 'ingress-nginx',
  startGateway: startIngressNginx({ controller: 'with the controller part' }),
  // The recipe refuses it: the question would name the Host line.
  absoluteForm: 'is refused',
  // The controller has no connections to keep: one for each question.
  connectionsAtMost: 20,
});
