import type { RequestHeaders } from '../../exchange/types.ts';
import {
  isMethod,
  type OriginalTarget,
  readAuthority,
  readScheme,
  splitTarget,
} from '../original-target.ts';
import type { GatewayProfile } from '../profile.ts';

/** Fields of a check request, under names that no header can have. */
export const targetFields = {
  method: ':method',
  scheme: ':scheme',
  host: ':authority',
  path: ':path',
} as const;
export const certificateField = ':certificate';

/** Envoy's gRPC ext_authz: what the client asked for, and its certificate, are fields of the call. */
export const envoyGrpc: GatewayProfile = {
  headers: Object.values(targetFields),
  readTarget,
  certificate: { header: certificateField, format: 'url-pem' },
  carries: 'no 5xx',
};

function readTarget(headers: RequestHeaders): OriginalTarget | undefined {
  const method = headers.get(targetFields.method);
  const scheme = readScheme(headers.get(targetFields.scheme));
  const host = readAuthority(headers.get(targetFields.host) ?? '', scheme);
  const target = splitTarget(headers.get(targetFields.path) ?? '');
  if (!isMethod(method) || scheme === undefined || host === undefined || target === undefined) {
    return undefined;
  }
  return { method, scheme, host, ...target };
}
