import { z } from 'zod';
import type { JsonObject } from '../../exchange/types.ts';
import { signingAlgorithms } from '../../keys/signer.ts';
import { expectsUnseen } from '../wording.ts';
import { directoryName, fileName, milliseconds, period } from './values.ts';

const defaultDirectory = './data/keys';
const jwkError = expectsUnseen(
  'a private JWK',
  'write its JSON, or name a file in private_jwk_file',
);

const rotation = z
  .strictObject({
    every: period
      .prefault('30d')
      .describe('How long a key signs; `never` leaves it to `countersign keys rotate`'),
    publish_ahead: milliseconds
      .refine((ahead) => ahead >= 2000, { error: 'is too short; write at least 2s' })
      .prefault('1h')
      .describe('How long a key is published before it signs: longer than verifiers keep the JWKS'),
  })
  .refine(({ every, publish_ahead }) => !(every < 2 * publish_ahead), {
    path: ['every'],
    error: 'is less than twice publish_ahead',
  });

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
    rotate: rotation.optional().describe('When the keys of the directory are changed'),
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
    const fixed = given.find((key) => key !== 'directory');
    if (fixed !== undefined && value.rotate !== undefined) {
      const message = `is for keys that Countersign makes itself, and ${fixed} is one of yours`;
      issues.push({ code: 'custom', input: undefined, path: ['rotate'], message });
    }
    if (given.length < 2) return;
    const message = `has ${given.join(' and ')}; keep one`;
    issues.push({ code: 'custom', input: undefined, path: [], message });
  })
  .transform(({ directory = defaultDirectory, rotate = rotation.parse({}), ...keys }) => ({
    ...keys,
    ...(keys.private_jwk || keys.private_jwk_file ? {} : { directory, rotate }),
  }));

function readJwk(written: string | object): unknown {
  if (typeof written !== 'string') return written;
  try {
    const parsed: unknown = JSON.parse(written);
    return typeof parsed === 'object' && parsed && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined; // not the error: its message quotes the text
  }
}
