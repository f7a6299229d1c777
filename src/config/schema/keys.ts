import { z } from 'zod';
import type { JsonObject } from '../../exchange/types.ts';
import { signingAlgorithms } from '../../keys/signer.ts';
import { expectsUnseen } from '../wording.ts';
import { directoryName, fileName } from './values.ts';

const defaultDirectory = './data/keys';
const jwkError = expectsUnseen(
  'a private JWK',
  'write its JSON, or name a file in private_jwk_file',
);

export const keysSchema = z
  .strictObject({
    algorithm: z
      .enum(signingAlgorithms)
      .default('RS256')
      .describe('Signs the tokens. With HS256 and HS512 only introspection can check them'),
    directory: directoryName
      .optional()
      .meta({ default: defaultDirectory })
      .describe('Where keys are kept; made at first start, for the owner only'),
    private_jwk: z
      .union([z.string(), z.record(z.string(), z.unknown())], jwkError)
      .refine((written) => readJwk(written) !== undefined, jwkError)
      .transform((written) => readJwk(written) as JsonObject)
      .optional()
      .meta({ title: 'JWK, as JSON text or as a map', writeOnly: true })
      .describe('The one signing key, as a JWK, instead of a directory'),
    private_jwk_file: fileName
      .optional()
      .describe('The one signing key, as a JWK or PEM file, instead of a directory'),
    jwks_paths: z
      .array(
        z
          .string()
          .regex(/^(\/[A-Za-z0-9._~-]+)+$/, { error: 'is not a path; write /keys/jwks.json' }),
      )
      .default([])
      .describe('More paths of the public listener where the JWKS is served'),
  })
  .check(({ value, issues }) => {
    const given = (['directory', 'private_jwk', 'private_jwk_file'] as const).filter(
      (key) => value[key] !== undefined,
    );
    if (given.length < 2) return;
    const message = `has ${given.join(' and ')}; keep one`;
    issues.push({ code: 'custom', input: undefined, path: [], message });
  })
  .transform(({ directory, ...keys }) =>
    keys.private_jwk || keys.private_jwk_file
      ? { ...keys, directory: undefined }
      : { ...keys, directory: directory ?? defaultDirectory },
  );

function readJwk(written: string | object): unknown {
  if (typeof written !== 'string') return written;
  try {
    const parsed: unknown = JSON.parse(written);
    return typeof parsed === 'object' && parsed && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined; // not the error: its message quotes the text
  }
}
