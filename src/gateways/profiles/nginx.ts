import type { RequestHeaders } from '../../exchange/types.ts';
import {
  isMethod,
  type OriginalTarget,
  readAuthority,
  readScheme,
  splitAbsolute,
  splitTarget,
} from '../original-target.ts';
import type { GatewayProfile } from '../profile.ts';

/** nginx `auth_request`: everything that is not 2xx, 401 or 403 becomes a 500, and bodies are lost. */
export const nginx: GatewayProfile = {
  headers: ['x-original-method', 'x-original-url'],
  readTarget: readXOriginal,
  certificate: {
    header: 'x-ssl-client-cert',
    format: 'url-pem',
    verifyHeader: 'x-ssl-client-verify',
  },
  carries: 'only 401 and 403',
  bodyHeader: 'X-Auth-Error',
};

/** `X-Original-URL` is `$scheme://$host$request_uri`, raw. */
export function readXOriginal(headers: RequestHeaders): OriginalTarget | undefined {
  const method = headers.get('x-original-method');
  const url = splitAbsolute(headers.get('x-original-url') ?? '');
  const scheme = readScheme(url?.scheme);
  if (!isMethod(method) || url === undefined || scheme === undefined) return undefined;
  const host = readAuthority(url.authority, scheme);
  const target = splitTarget(url.target);
  return host === undefined || target === undefined
    ? undefined
    : { method, scheme, host, ...target };
}
