import { z } from 'zod';
import { suggest } from '../wording.ts';
import { headerName } from './names.ts';

export const gatewayProfiles = [
  'nginx',
  'ingress-nginx',
  'traefik',
  'caddy',
  'haproxy',
  'apache',
  'apisix',
  'kong',
  'envoy',
  'envoy_grpc',
] as const;
export type GatewayProfile = (typeof gatewayProfiles)[number];

export const certificateFormats = [
  'url-pem',
  'base64-der',
  'base64-der-list',
  'rfc9440',
  'xfcc',
] as const;
export type CertificateFormat = (typeof certificateFormats)[number];

const certificateHeader = z.strictObject({
  header: headerName.describe('The header in which the gateway passes the certificate'),
  format: z.enum(certificateFormats).describe('How the certificate is encoded there'),
});

const gatewaySchema = z
  .strictObject({
    profile: z
      .enum(gatewayProfiles)
      .optional()
      .describe('Whose headers are read and how it is answered; the gateway’s name when absent'),
    client_certificate: z
      .union([z.boolean(), certificateHeader], {
        error: 'is neither true, false nor { header, format }',
      })
      .default(false)
      .describe(
        'Read the client certificate: from the profile’s own header, or from `{ header, format }`. ' +
          'The gateway must overwrite that header on every request',
      ),
    consumer: z
      .enum(['required', 'optional'])
      .optional()
      .describe(
        'Only for kong, default `required`: refuse trusted credentials when Kong states no consumer',
      ),
  })
  .describe('A gateway; `{}` is enough for one that has the name of its profile');

const gatewayName = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, {
  error: 'is not a gateway name; write small letters, digits, - and _',
});

export const gatewaysSchema = z
  .record(gatewayName, gatewaySchema)
  .refine((gateways) => Object.keys(gateways).length > 0, {
    error: 'is empty; name at least one gateway, such as nginx: {}',
  })
  .check(({ value, issues }) => {
    for (const [name, gateway] of Object.entries(value)) {
      const message = describeMisfit(name, gateway);
      if (message) issues.push({ code: 'custom', input: gateway, path: [name], message });
    }
  })
  .transform((gateways) =>
    Object.fromEntries(
      Object.entries(gateways).map(([name, gateway]) => {
        const profile = gateway.profile ?? (name as GatewayProfile);
        const consumer = profile === 'kong' ? (gateway.consumer ?? 'required') : undefined;
        return [name, { ...gateway, profile, consumer }];
      }),
    ),
  );

function describeMisfit(name: string, gateway: z.output<typeof gatewaySchema>): string | undefined {
  const profile = gateway.profile ?? name;
  if (!gatewayProfiles.some((known) => known === profile)) {
    return `is not a profile and has no profile of its own; ${suggest(name, gatewayProfiles)}`;
  }
  if (gateway.consumer !== undefined && profile !== 'kong') {
    return 'has no consumer; only the kong profile reads one';
  }
  if (profile === 'envoy_grpc' && typeof gateway.client_certificate === 'object') {
    return 'has no certificate header; write client_certificate: true';
  }
  return undefined;
}
