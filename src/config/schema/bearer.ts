import { z } from 'zod';
import { origin, url } from './names.ts';
import { exactlyOne } from './rules.ts';
import { cel, fileName, seconds, secretText, text } from './values.ts';

/** Asymmetric only: a shared secret would let each verifier mint (RFC 8725 §3.1). */
export const verificationAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'Ed25519',
  'EdDSA',
] as const;

const audiences = z
  .union([z.literal('any'), z.array(text).min(1)], {
    error: ({ input }) =>
      `${input === undefined ? 'is missing' : 'is not a list of audiences'}; list those accepted in \`aud\`, or write any`,
  })
  .describe('Accepted values of `aud`, or `any`, a word one has to write');

const expiry = z
  .enum(['required', 'optional'])
  .describe('Whether a token without `exp` is refused');

const clockSkew = seconds
  .refine((skew) => skew <= 60, { error: 'is too large; at most 60s' })
  .describe('Tolerance for `nbf` and `iat`; at most 60s');

const timing = {
  exp: expiry.default('required'),
  clock_skew: clockSkew.prefault('5s'),
};

/** RFC 9701 §8.1. */
const noToken = { error: 'is the type of introspection answers, which are never access tokens' };

const jwtVerification = z
  .strictObject({
    issuer: url.describe(
      '`iss` of the tokens, byte for byte; its discovery document names the keys. Optional with `introspection`',
    ),
    audiences,
    algorithms: z
      .array(z.enum(verificationAlgorithms))
      .min(1)
      .default(['RS256', 'PS256', 'ES256', 'Ed25519'])
      .describe('Accepted signature algorithms'),
    jwks_uri: url.optional().describe('Where the issuer’s keys are, instead of discovery'),
    jwks_file: fileName
      .optional()
      .describe('A JWKS file with the issuer’s keys, instead of discovery'),
    jwks_origins: z
      .array(origin)
      .default([])
      .describe('Other origins that the discovery document may name for the keys'),
    types: z
      .array(
        text.refine((type) => !/^(application\/)?token-introspection\+jwt$/i.test(type), noToken),
      )
      .min(1)
      .default(['none', 'JWT', 'at+jwt'])
      .describe('Accepted values of the `typ` header; `none` stands for its absence'),
    ...timing,
  })
  .refine((verify) => verify.jwks_uri === undefined || verify.jwks_file === undefined, {
    error: 'has jwks_uri and jwks_file; keep one',
  });

const introspectionVerification = z.strictObject({
  introspection: z
    .strictObject({
      endpoint: url.describe('The introspection endpoint (RFC 7662)'),
      client_id: text.describe('Our own client id there'),
      client_secret: secretText.optional().describe('Our own secret there'),
      client_secret_file: fileName.optional().describe('A file with that secret'),
    })
    .check(exactlyOne('client_secret', 'client_secret_file'))
    .describe('Ask the authorization server about each token: for opaque ones. At most one entry'),
  issuer: url.optional().describe('`iss` that the answer must have'),
  audiences: audiences.optional().describe('Values of which `aud` of the answer must have one'),
  ...timing,
});

const clientId = z
  .union(
    [text, z.array(text).min(1), z.strictObject({ cel: cel.describe('Gives the client’s id') })],
    {
      error: 'is not a claim; write its name, a dotted path, a list of them, or { cel: … }',
    },
  )
  .default('clientId')
  .describe(
    'The claim with the client’s id: a name, a dotted path, a list to try in order, or CEL',
  );

export const bearerSchema = z
  .strictObject({
    client_id: clientId,
    verify: z
      .union([jwtVerification, introspectionVerification])
      .optional()
      .describe('Verify the token here'),
    trust: z.literal('gateway').optional().describe('The gateway has verified the token'),
    exp: expiry
      .optional()
      .describe('With `trust`, default `required`: refuse tokens without `exp`'),
    clock_skew: clockSkew
      .optional()
      .describe('With `trust`, default `5s`: tolerance for `nbf`, `iat`'),
  })
  .check(exactlyOne('verify', 'trust'))
  .refine(({ verify, exp, clock_skew }) => !verify || (exp ?? clock_skew) === undefined, {
    error: 'has exp or clock_skew beside verify; move it inside',
  })
  .transform(({ client_id, verify, exp = 'required', clock_skew = 5 }) =>
    verify
      ? { client_id, verify, trust: undefined }
      : { client_id, verify, trust: 'gateway' as const, exp, clock_skew },
  );

export type Bearer = z.output<typeof bearerSchema>;
