import type { RequestHeaders } from '../exchange/types.ts';
import {
  isMethod,
  type OriginalTarget,
  readAuthority,
  readScheme,
  splitAbsolute,
  splitTarget,
} from './original-target.ts';

/** The headers of the forward-auth convention. */
export const xForwarded = [
  'x-forwarded-method',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-uri',
] as const;

/**
 * `X-Forwarded-Uri` may be in absolute form (RFC 9112 §3.2.2); it must then name the same host, or
 * the gateway and its backend may not agree on who is asked.
 */
export function readXForwarded(headers: RequestHeaders): OriginalTarget | undefined {
  const method = headers.get('x-forwarded-method');
  const scheme = readScheme(headers.get('x-forwarded-proto'));
  const uri = headers.get('x-forwarded-uri') ?? '';
  const absolute = splitAbsolute(uri);
  const host = readAuthority(headers.get('x-forwarded-host') ?? '', scheme);
  const target = splitTarget(absolute?.target ?? uri);
  if (!isMethod(method) || scheme === undefined || host === undefined || target === undefined) {
    return undefined;
  }
  if (absolute && readAuthority(absolute.authority, scheme) !== host) return undefined;
  return { method, scheme, host, ...target };
}
