import { z } from 'zod';
import { expects, expectsUnseen } from '../wording.ts';
import { distinct, exactlyOne } from './rules.ts';
import { fileName, text } from './values.ts';

const sha256Error = expectsUnseen('a SHA-256', 'write 64 hex digits, as `hash --key` prints them');
const hashError = expectsUnseen('an argon2 or bcrypt hash', 'write what `countersign hash` prints');

export const secretSha256 = z
  .string(sha256Error)
  .regex(/^[0-9a-f]{64}$/i, sha256Error)
  .transform((hex) => hex.toLowerCase())
  .meta({ title: 'SHA-256 in hex', writeOnly: true });

export const secretHash = z
  .string(hashError)
  .regex(
    /^(\$argon2(id|i|d)\$(v=\d+\$)?m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+|\$2[aby]\$\d\d\$[\w./]{53})$/,
    hashError,
  )
  .meta({ title: 'argon2 or bcrypt hash', writeOnly: true });

const jwksSecretError = {
  error: 'holds private or symmetric key material; write the public members only',
  abort: true,
};

/** RFC 7517 §5. Which members a key needs is found out when it is imported. */
const jwks = z
  .strictObject({
    keys: z.array(z.record(z.string(), z.unknown())).min(1).describe('The keys, as JWKs'),
  })
  .refine(({ keys }) => !keys.some((key) => 'd' in key || 'k' in key), jwksSecretError)
  .meta({ title: 'JWK set' });

const rateError = expects('a rate', 'write 100/s, 600/m or 5000/h');

/** A rate: so many a second, minute or hour, all at once if need be. */
const rate = z
  .string(rateError)
  .regex(/^[1-9]\d{0,8}\/[smh]$/, rateError)
  .meta({ title: 'rate' });

const clientSchema = z
  .strictObject({
    id: text.describe('The client’s id'),
    secret_sha256: secretSha256.optional().describe('SHA-256 of a generated secret'),
    secret_sha256_file: fileName.optional().describe('A file with that SHA-256'),
    secret_hash: secretHash.optional().describe('argon2 or bcrypt hash of a chosen secret'),
    secret_hash_file: fileName.optional().describe('A file with that hash'),
    jwks: jwks.optional().describe('The client’s public keys, for `private_key_jwt`'),
    jwks_file: fileName.optional().describe('A file with those keys'),
    may: z
      .array(z.enum(['introspect', 'revoke', 'revoke-any']))
      .min(1)
      .describe(
        'What the client may do: ask about tokens, revoke single ones, or revoke all of a subject, a client, a key or everything',
      ),
    audiences: z
      .union([z.literal('any'), z.array(text).min(1)], {
        error: ({ input }) =>
          `${input === undefined ? 'is missing' : 'is not a list of audiences'}; list those of the client, or write any`,
      })
      .describe('Only tokens for these audiences concern the client; or `any`'),
    rate_limit: rate
      .default('1000/s')
      .describe('How often the client may ask, as `100/s`, `600/m` or `5000/h`; beyond it is 429'),
  })
  .check(
    exactlyOne(
      ...['secret_sha256', 'secret_sha256_file', 'secret_hash', 'secret_hash_file'],
      ...['jwks', 'jwks_file'],
    ),
  );

export const clientsSchema = z
  .array(clientSchema)
  .check(distinct(({ id }) => id, ['id']))
  .default([])
  .describe('Who may introspect and revoke');
