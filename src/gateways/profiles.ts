import type { GatewayProfile } from './profile.ts';
import { apache } from './profiles/apache.ts';
import { apisix } from './profiles/apisix.ts';
import { caddy } from './profiles/caddy.ts';
import { envoy } from './profiles/envoy.ts';
import { envoyGrpc } from './profiles/envoy-grpc.ts';
import { haproxy } from './profiles/haproxy.ts';
import { ingressNginx } from './profiles/ingress-nginx.ts';
import { kong } from './profiles/kong.ts';
import { nginx } from './profiles/nginx.ts';
import { traefik } from './profiles/traefik.ts';

/** Every profile by the name it has in the configuration. */
export const profiles = {
  nginx,
  'ingress-nginx': ingressNginx,
  traefik,
  caddy,
  haproxy,
  apache,
  apisix,
  kong,
  envoy,
  envoy_grpc: envoyGrpc,
} satisfies { readonly [name: string]: GatewayProfile };
export type ProfileName = keyof typeof profiles;
