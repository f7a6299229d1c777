/**
 * Decodes standard base64 (RFC 4648 §4), canonical only: with its padding, without line breaks,
 * and with zero pad bits, so that one value has one spelling.
 *
 * @returns the bytes, or undefined for anything else, and for nothing at all
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}
