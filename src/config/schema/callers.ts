import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { expects } from '../wording.ts';
import { fileName, text } from './values.ts';

const networkError = expects(
  'a network no wider than /8 (IPv4) or /32 (IPv6)',
  'write 10.1.0.0/16 or fd00:1::/48',
);

export const callersSchema = z
  .strictObject({
    networks: z
      .array(
        z.string(networkError).refine(isNarrowNetwork, networkError).meta({ title: 'network' }),
      )
      .min(1)
      .optional()
      .describe('The caller’s address must be in one of these; at most /8 (IPv4) or /32 (IPv6)'),
    secret_file: fileName
      .optional()
      .describe(
        'The secret that the gateway sends as `X-Countersign-Secret`; a second line is for rotation',
      ),
    certificates: z
      .array(text)
      .min(1)
      .optional()
      .describe('The caller’s certificate must have one of these names: a DNS or a URI SAN'),
  })
  .refine((callers) => Object.values(callers).some((rule) => rule !== undefined), {
    error: 'needs networks, secret_file or certificates',
  })
  // The loader reads the file and fills them in.
  .transform((callers) => ({ ...callers, secrets: [] as string[] }));

const placeholder =
  /^<.*>$|change[-_ ]?me|^your[-_ ]|^\W*(secret|password|token|example|placeholder)[\W\d_]*$|^(.)\2*$/i;

/** The content of `secret_file`: what the gateway sends, and perhaps what it sends next. */
export const callerSecrets = z
  .string()
  .transform((content) => content.split(/\r?\n/))
  .refine((lines) => lines.length <= 2, { error: 'has more than two lines' })
  .refine((lines) => lines.every((line) => /^[\x21-\x7e]{16,}$/.test(line)), {
    error: 'must hold lines of at least 16 visible ASCII characters, without spaces',
  })
  .refine((lines) => !lines.some((line) => placeholder.test(line)), {
    error: 'holds a placeholder; generate a secret, as with `openssl rand -base64 32`',
  });

function isNarrowNetwork(written: string): boolean {
  const [, address = '', length] = /^([^/]+)\/(\d{1,3})$/.exec(written) ?? [];
  const bits = Number(length);
  if (isIPv4(address)) return bits >= 8 && bits <= 32;
  if (!isIPv6(address) || address.includes('%') || !(bits >= 32 && bits <= 128)) return false;
  const network = new BlockList();
  network.addSubnet(address, bits, 'ipv6');
  // `::ffff:0:0/96` is all of IPv4, however it is spelt, and so is what contains it.
  const isMapped = network.check('::ffff:0.0.0.0', 'ipv6') || isMappedAddress(address);
  return !isMapped || bits - 96 >= 8;
}

function isMappedAddress(address: string): boolean {
  return /^\[::ffff:[0-9a-f]+:[0-9a-f]+\]$/.test(new URL(`http://[${address}]`).hostname);
}
