import { z } from 'zod';
import type { JsonObject } from '../../exchange/types.ts';
import { signingAlgorithms } from '../../keys/signer.ts';
import { expectsUnseen } from '../wording.ts';
import { pkcs11Schema } from './pkcs11.ts';
import { directoryName, fileName, milliseconds, period } from './values.ts';
import { vaultTransitSchema } from './vault-transit.ts';

/** Unless keys come from elsewhere. */
export const defaultKeyDirectory = './data/keys';
const jwkError = expectsUnseen(
  'a private JWK',
  'write its JSON, or name a file in private_jwk_file',
);

const externalPlaces = ['pkcs11', 'vault_transit'] as const;
/** Where keys may be; one of these. */
export const keyPlaces = [
  'directory',
  'private_jwk',
  'private_jwk_file',
  ...externalPlaces,
] as const;

type KeyPlace = (typeof keyPlaces)[number];

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
      .meta({ default: defaultKeyDirectory })
      .describe('Where keys are kept; made at first start, for the owner only'),
    rotate: rotation.optional().describe('When the keys of the directory are changed'),
    replicas: z
      .enum(['shared', 'own'])
      .optional()
      .meta({ default: 'shared' })
      .describe(
        'With `state.redis`: all replicas sign with one key, which lies encrypted in Redis, or each ' +
          'with its own, which never leaves it',
      ),
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
    pkcs11: pkcs11Schema.optional(),
    vault_transit: vaultTransitSchema.optional(),
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
    const report = (path: string[], message: string) => {
      issues.push({ code: 'custom', input: undefined, path, message });
    };
    const given = keyPlaces.filter((key) => value[key] !== undefined);
    if (given.length > 1) report([], `has ${given.join(' and ')}; keep one`);
    const elsewhere = given.find((key) => key !== 'directory');
    if (elsewhere !== undefined && value.rotate !== undefined) {
      report(['rotate'], `is for keys that Countersign makes itself, and ${elsewhere} is not one`);
    }
    const external = externalPlaces.find((key) => value[key] !== undefined);
    if (external !== undefined && value.algorithm.startsWith('HS')) {
      report(['algorithm'], `is not for ${external}; name one with a public key, such as ES256`);
    }
  })
  .transform(({ rotate = rotation.parse({}), ...keys }) => ({
    ...keys,
    ...(areKeysElsewhere(keys) ? {} : { rotate }),
  }));

/** @returns whether keys come from outside: one of the operator's own, or one that stays elsewhere */
export function areKeysElsewhere(keys: { readonly [place in KeyPlace]?: unknown }): boolean {
  return keyPlaces.some((key) => key !== 'directory' && keys[key] !== undefined);
}

function readJwk(written: string | object): unknown {
  if (typeof written !== 'string') return written;
  try {
    const parsed: unknown = JSON.parse(written);
    return typeof parsed === 'object' && parsed && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined; // not the error: its message quotes the text
  }
}
