import type { GatewayProfile } from './profile.ts';
import { readXForwarded, xForwarded } from './x-forwarded.ts';

/** The forward-auth convention with the standard certificate header (RFC 9440). */
export const forwardAuth: GatewayProfile = {
  headers: xForwarded,
  readTarget: readXForwarded,
  certificate: { header: 'client-cert', format: 'rfc9440' },
  carries: 'all',
};
