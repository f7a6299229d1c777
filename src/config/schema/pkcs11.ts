import { z } from 'zod';
import { expects } from '../wording.ts';
import { fileName, secretText, text } from './values.ts';

const idError = expects('a CKA_ID in hex', 'write it as "0a1b"');

/** A key pair on a PKCS#11 token. */
export const pkcs11Schema = z
  .strictObject({
    module: fileName.describe(
      'The library of the HSM’s maker, such as `/usr/lib/softhsm/libsofthsm2.so`',
    ),
    token_label: text.describe('The label of the token; `token=` in a PKCS#11 URI'),
    key_label: text.describe('The label of the key pair; `object=` in a PKCS#11 URI'),
    key_id: z
      .string(idError)
      .regex(/^([0-9a-f]{2})+$/i, idError)
      .transform((hex) => hex.toLowerCase())
      .optional()
      .describe('The `CKA_ID` of the pair that signs, in hex, where several have the label'),
    pin: secretText
      .optional()
      .describe('The PIN of the token’s user; neither this nor `pin_file` where none is needed'),
    pin_file: fileName.optional().describe('A file with the PIN'),
  })
  .check(({ value, issues }) => {
    if (value.pin === undefined || value.pin_file === undefined) return;
    const message = 'has pin and pin_file; keep one';
    issues.push({ code: 'custom', input: undefined, path: [], message });
  })
  .describe('A key pair on a PKCS#11 token (an HSM), instead of a directory');
