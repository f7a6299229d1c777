import { z } from 'zod';
import { expects } from '../wording.ts';
import { url } from './names.ts';
import { fileName, milliseconds, secretText } from './values.ts';

const mountError = expects('the path of a mount', 'write transit, or team/transit');
const keyError = expects('the name of a Transit key', 'write countersign');
const namespaceError = expects('a namespace', 'write team, or team/payments');
/** The JWKS may be kept for 5 minutes, and new versions are looked for every minute. */
const leastAheadMs = 6 * 60_000;

/** A key of Vault's Transit engine; its words where Vault has one for it. */
export const vaultTransitSchema = z
  .strictObject({
    address: url.describe('Where Vault or OpenBao is'),
    mount: z
      .string(mountError)
      .regex(/^\w[\w.-]*(\/\w[\w.-]*)*$/, mountError)
      .default('transit')
      .describe('Where the Transit engine is mounted'),
    key: z
      .string(keyError)
      .regex(/^\w(([\w.-]+)?\w)?$/, keyError)
      .describe('The name of the key; RSA, ECDSA or Ed25519'),
    namespace: z
      .string(namespaceError)
      .regex(/^\w[\w.-]*(\/\w[\w.-]*)*\/?$/, namespaceError)
      .optional()
      .describe('The namespace, where the engine is in one'),
    token: secretText
      .optional()
      .describe('The token; neither this nor `token_file` where a Vault Agent adds it'),
    token_file: fileName
      .optional()
      .describe('A file with the token; read again every minute, and when Vault refuses it'),
    ca_file: fileName.optional().describe('Trusted CAs (PEM) instead of those that Node knows'),
    publish_ahead: milliseconds
      .refine((ahead) => ahead >= leastAheadMs, { error: 'is too short; at least 6m' })
      .prefault('1h')
      .describe('How long the JWKS shows a new version before it signs; at least 6m'),
  })
  .check(({ value, issues }) => {
    if (value.token === undefined || value.token_file === undefined) return;
    const message = 'has token and token_file; keep one';
    issues.push({ code: 'custom', input: undefined, path: [], message });
  })
  .describe('A key of the Transit engine of Vault or OpenBao, instead of a directory');
