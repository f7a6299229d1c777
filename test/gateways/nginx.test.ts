import { describeGateway } from '../support/gateway-suite.ts';
import { nginxTraits, startNginx } from '../support/nginx.ts';

describeGateway({ ...nginxTraits, gateway: 'nginx', startGateway: startNginx });
