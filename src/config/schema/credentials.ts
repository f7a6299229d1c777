import { z } from 'zod';
import { bearerSchema } from './bearer.ts';
import { headerName } from './names.ts';
import { exactlyOne } from './rules.ts';
import { fileName } from './values.ts';

const trust = z.literal('gateway').optional().describe('The gateway has verified the credential');

const basicSchema = z
  .strictObject({
    verify: z
      .strictObject({
        htpasswd_file: fileName.describe(
          'Users with bcrypt or argon2 hashes, as htpasswd -B writes',
        ),
      })
      .optional()
      .describe('Verify the password here'),
    trust,
  })
  .check(exactlyOne('verify', 'trust'));

const clientCertificateSchema = z
  .strictObject({
    verify: z
      .strictObject({ ca_file: fileName.describe('CA certificates in PEM') })
      .optional()
      .describe('Verify the certificate’s chain here; possession only the gateway can check'),
    trust,
  })
  .check(exactlyOne('verify', 'trust'));

const apiKeySchema = z
  .strictObject({
    header: headerName
      .refine((name) => name.toLowerCase() !== 'authorization', {
        error: 'is read for bearer and basic; choose another header',
      })
      .transform((name) => name.toLowerCase())
      .prefault('apikey')
      .describe('The header with the key'),
    verify: z
      .strictObject({
        keys_file: fileName.describe('A YAML list of `{ owner, sha256, expires, claims }`'),
      })
      .optional()
      .describe('Verify the key here'),
    trust,
  })
  .check(exactlyOne('verify', 'trust'));

const credentialSchema = z
  .strictObject({
    bearer: bearerSchema.optional().describe('A bearer token. Repeat it for several issuers'),
    basic: basicSchema.optional().describe('A user name and password'),
    client_certificate: clientCertificateSchema
      .optional()
      .describe('The client’s TLS certificate, as a gateway passes it on'),
    api_key: apiKeySchema.optional().describe('An API key'),
  })
  .check(exactlyOne('bearer', 'basic', 'client_certificate', 'api_key'));

export type CredentialEntry = z.output<typeof credentialSchema>;

export const credentialsSchema = z
  .array(credentialSchema)
  .check(({ value, issues }) => {
    for (const { index, key, message } of findClashes(value)) {
      issues.push({ code: 'custom', input: value, path: [index, ...key], message });
    }
  })
  .default([])
  .describe('The first kind in the list that is present decides; a bad one never falls through');

interface Clash {
  readonly key: readonly string[];
  readonly message: string;
}

function findClashes(entries: readonly CredentialEntry[]): (Clash & { readonly index: number })[] {
  const seen = new Set<string>();
  const bearers = entries.filter(({ bearer }) => bearer).length;
  return entries.flatMap((entry, index) => {
    const { name, ...clash } = identify(entry);
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated || (name === 'trust' && bearers > 1) ? [{ index, ...clash }] : [];
  });
}

/** @returns what an entry must be the only one of, and what to say where it is not */
function identify({ bearer, ...others }: CredentialEntry): Clash & { readonly name: string } {
  if (!bearer) {
    const kind = Object.keys(others)[0] ?? '';
    return { name: kind, key: [kind], message: 'is given twice; only bearer may be repeated' };
  }
  if (!bearer.verify) {
    const message = 'must be the only bearer entry: with several, all verify';
    return { name: 'trust', key: ['bearer', 'trust'], message };
  }
  if ('introspection' in bearer.verify) {
    const message = 'is given twice; one entry may introspect';
    return { name: 'introspection', key: ['bearer', 'verify', 'introspection'], message };
  }
  return {
    name: `issuer ${bearer.verify.issuer}`,
    key: ['bearer', 'verify', 'issuer'],
    message: 'is given twice; merge the two entries',
  };
}
