import type { GatewayProfile } from '../profile.ts';
import { readXForwarded, xForwarded } from '../x-forwarded.ts';

/** Traefik's forwardAuth passes every answer on, with all its headers. */
export const traefik: GatewayProfile = {
  headers: xForwarded,
  readTarget: readXForwarded,
  certificate: { header: 'x-forwarded-tls-client-cert', format: 'base64-der-list' },
  carries: 'all',
};
