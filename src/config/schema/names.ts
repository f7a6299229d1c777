import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { comparablePath } from '../../exchange/routes/comparable-path.ts';
import { expects } from '../wording.ts';
import { kinds } from './kinds.ts';

/** Is this host always the machine itself? IPv6 without brackets. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

const urlError = expects('a usable URL', 'write https://host/path; http only on loopback');
// Its own message, because it must not show the password.
export const userInfo = { error: 'holds a user or an @; write the URL without', abort: true };

/** An https URL, or http on loopback; without user, query and fragment. Kept as it is written. */
export const url = z
  .string(urlError)
  .refine((written) => !written.includes('@'), userInfo)
  .refine(isUsableUrl, urlError)
  .meta({ title: kinds.url });

const originError = expects('an origin', 'write https://host or https://host:port');

/** The origin of such a URL. */
export const origin = z
  .string(originError)
  .refine((written) => !written.includes('@'), userInfo)
  .refine((written) => isUsableUrl(written) && new URL(written).origin === written, originError)
  .meta({ title: 'origin' });

function isUsableUrl(written: string): boolean {
  if (/[\s?#@\\]/.test(written) || !/^https?:\/\/[^/]/.test(written) || !URL.canParse(written)) {
    return false;
  }
  const { protocol, hostname } = new URL(written);
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

// They frame the message or end at the next hop (RFC 9110 §7.6.1), so they can carry nothing of ours.
const framingHeaders = new Set([
  ...['connection', 'content-length', 'content-type', 'expect', 'host', 'keep-alive', 'te'],
  ...['proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'date'],
]);

const headerError = expects('a header name', 'write a name such as X-Custom-Jwt');

/** A header name (RFC 9110 §5.6.2). */
export const anyHeaderName = z
  .string(headerError)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, headerError)
  .meta({ title: kinds.header });

/** A header name that may carry something of ours. */
export const headerName = anyHeaderName.refine((name) => !framingHeaders.has(name.toLowerCase()), {
  error: ({ input }) => `${input} belongs to the HTTP message itself; choose another header`,
});

/** One spelling for all that a gateway or backend may take for the same header. */
export function canonicalHeader(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
}

const hostError = expects(
  'a host',
  'write orders.example.com or *.example.com, with :port if needed',
);

/** A host to match, in lower case: exact, or `*.` and a domain; a port may follow. */
export const hostPattern = z
  .string(hostError)
  .refine(isHostPattern, hostError)
  .transform((host) => host.toLowerCase())
  .meta({ title: 'host' });

function isHostPattern(written: string): boolean {
  const [, host = '', port = '0'] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(written) ?? [];
  if (Number(port) > 65_535) return false;
  if (host.startsWith('[')) return isIPv6(host.slice(1, -1));
  return /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(
    host,
  );
}

const pathError = expects(
  'a path pattern',
  'write /orders/** or /orders/*/items: * is one segment, ** the rest',
);

/** A path to match: `*` stands for one segment, `**` at the end for all that follow. */
export const pathPattern = z
  .string(pathError)
  .refine(isPathPattern, pathError)
  .meta({ title: 'path pattern' });

function isPathPattern(written: string): boolean {
  // What is refused in a request could never match here either.
  if (!/^\/[^?#]*$/.test(written) || comparablePath(written) === undefined) return false;
  return !/\*\*(?!$)|[^/]\*|\*(?![*/]|$)/.test(written.replace(/\/\*\*$/, '/'));
}
