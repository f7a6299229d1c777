import { isIPv6 } from 'node:net';
import { ownPort } from '../exchange/routes/host-pattern.ts';
import type { OriginalRequest } from '../exchange/types.ts';

/** What the client asked the gateway for. */
export type OriginalTarget = Pick<OriginalRequest, 'method' | 'scheme' | 'host' | 'path' | 'query'>;

const methodToken = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}$/;
const hostName =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** @returns whether it is a method (RFC 9110 §9.1) */
export function isMethod(method: string | undefined): method is string {
  return method !== undefined && methodToken.test(method);
}

/** WebSocket schemes are those of the HTTP request that opens them (RFC 6455 §3). */
export function readScheme(text: string | undefined): 'http' | 'https' | undefined {
  switch (text?.toLowerCase()) {
    case 'http':
    case 'ws':
      return 'http';
    case 'https':
    case 'wss':
      return 'https';
    default:
      return undefined;
  }
}

/**
 * @param text `host[:port]` (RFC 9110 §7.2)
 * @returns lower case, without trailing dot and without the scheme's own port; undefined when it
 *   is anything but a host name, an IPv4 address or an [IPv6] one with an optional port
 */
export function readAuthority(text: string, scheme: string | undefined): string | undefined {
  // ASCII before the case is changed: a Kelvin sign would become a k.
  const match = /^(\[[!-Z^-~]*\]|[!-9;-~]*)(?::([0-9]{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [, any = '', port] = match;
  const written = any.toLowerCase();
  const name = written.endsWith('.') ? written.slice(0, -1) : written;
  if (!hostName.test(name) && !isBracketedIpv6(name)) return undefined;
  if (port === undefined) return name;
  const number = Number(port);
  if (number < 1 || number > 65535) return undefined;
  return scheme !== undefined && ownPort[scheme] === String(number) ? name : `${name}:${number}`;
}

function isBracketedIpv6(name: string): boolean {
  // A zone (`%eth0`) means something on one machine only, and is no part of an authority.
  const bracketed = name.startsWith('[') && name.endsWith(']') && !name.includes('%');
  return bracketed && isIPv6(name.slice(1, -1));
}

/** Splits at the first `?`; raw, as the gateway's request line has it. */
export function splitTarget(target: string): { path: string; query: string } | undefined {
  if (!target.startsWith('/')) return undefined;
  const mark = target.indexOf('?');
  return mark === -1
    ? { path: target, query: '' }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/**
 * Splits an absolute URI. The authority is all up to the first `/`: a `?` or `#` before it makes a
 * malformed host, not a shorter one.
 */
export function splitAbsolute(
  uri: string,
): { scheme: string; authority: string; target: string } | undefined {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/]*)(.*)$/s.exec(uri);
  if (match === null) return undefined;
  const [, scheme = '', authority = '', target = ''] = match;
  return { scheme, authority, target: target || '/' };
}
