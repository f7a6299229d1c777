import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { expects } from '../wording.ts';
import { kinds } from './kinds.ts';
import { fileName } from './values.ts';

/** Where a listener listens: TCP, with IPv6 hosts without brackets, or a unix socket. */
export type Address =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined };

const addressError = expects(
  'an address',
  'write 127.0.0.1:8080, [::1]:8080 or unix:/run/countersign.sock',
);
const address = z
  .string(addressError)
  .refine((written) => readAddress(written) !== undefined, addressError);

const serverTls = {
  cert_file: fileName.describe('Certificate chain in PEM, the server’s own first'),
  key_file: fileName.describe('Private key of the certificate, in PEM'),
};
const authTls = z.strictObject({
  ...serverTls,
  client_ca_file: fileName
    .optional()
    .describe('CA certificates in PEM: callers without a certificate of theirs are turned away'),
});

/** @returns an address, with `tls` where it is switched on */
function listener<Tls extends z.ZodType>(tls: Tls) {
  return z
    .union(
      [
        address,
        z.strictObject({
          address: address.describe('`host:port`, `[ipv6]:port` or `unix:/path`'),
          tls: tls.optional().describe('TLS for this listener; plain when absent'),
        }),
      ],
      addressError,
    )
    .transform((written) => {
      const full = typeof written === 'string' ? { address: written, tls: undefined } : written;
      return { ...(readAddress(full.address) as Address), tls: full.tls };
    })
    .meta({ title: kinds.listener });
}

export const listenSchema = z.strictObject({
  auth: listener(authTls)
    .prefault('127.0.0.1:8080')
    .describe('For the gateway only: `/auth/<gateway>`. Off loopback it needs `callers`'),
  grpc: listener(authTls)
    .optional()
    .describe(
      'For Envoy only: gRPC ext_authz and `grpc.health.v1`, for the gateway with profile ' +
        '`envoy_grpc`; off when absent. Off loopback it needs `callers`',
    ),
  public: listener(z.strictObject(serverTls))
    .prefault('127.0.0.1:8081')
    .describe('For backends and people: JWKS, metadata, introspection'),
  ops: listener(z.strictObject(serverTls))
    .prefault('127.0.0.1:9090')
    .describe('For the platform: `/livez`, `/readyz`, `/startupz`, `/metrics`'),
});

export function readAddress(written: string): Address | undefined {
  if (/^unix:\/[^\0]+$/.test(written)) return { path: written.slice('unix:'.length) };
  const [, bracketed, name, port] =
    /^(?:\[([^\]]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(written) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || Number(port) > 65_535) return undefined;
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined;
  return { host, port: Number(port) };
}

/** The notation that `readAddress` reads. */
export function writeAddress(from: Address): string {
  if (from.path !== undefined) return `unix:${from.path}`;
  return from.host.includes(':') ? `[${from.host}]:${from.port}` : `${from.host}:${from.port}`;
}
