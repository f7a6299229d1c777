import type { GatewayProfile } from '../profile.ts';
import { nginx } from './nginx.ts';

/** The Kubernetes ingress controller: nginx, with certificate headers of its own names. */
export const ingressNginx: GatewayProfile = {
  ...nginx,
  certificate: {
    header: 'ssl-client-cert',
    format: 'url-pem',
    verifyHeader: 'ssl-client-verify',
  },
};
