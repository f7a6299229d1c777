import type { RequestHeaders } from '../../exchange/types.ts';
import {
  isMethod,
  type OriginalTarget,
  readAuthority,
  readScheme,
  splitTarget,
} from '../original-target.ts';
import type { GatewayCall, GatewayProfile } from '../profile.ts';

/**
 * Envoy's HTTP ext_authz (Istio and Envoy Gateway too): the call is the original request under a
 * path prefix. It must never see a 5xx, which `failure_mode_allow` would turn into an open door.
 */
export const envoy: GatewayProfile = {
  headers: ['host', 'x-forwarded-proto'],
  readTarget,
  certificate: { header: 'x-forwarded-client-cert', format: 'xfcc' },
  carries: 'no 5xx',
};

function readTarget(headers: RequestHeaders, call: GatewayCall): OriginalTarget | undefined {
  const proto = headers.get('x-forwarded-proto');
  // Envoy sends it only where `allowed_headers` says so; what needs the scheme then refuses.
  const scheme = readScheme(proto);
  if (proto !== undefined && scheme === undefined) return undefined;
  const host = readAuthority(headers.get('host') ?? '', scheme);
  const target = splitTarget(call.rest.startsWith('/') ? call.rest : `/${call.rest}`);
  if (!isMethod(call.method) || host === undefined || target === undefined) return undefined;
  return { method: call.method, scheme, host, ...target };
}
