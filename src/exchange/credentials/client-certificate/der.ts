/** One element of DER (X.690 §8.1): its identifier octet and its content. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
}

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

/**
 * Splits bytes into the DER elements they consist of; one level, nothing is decoded.
 *
 * @throws RangeError when they do not consist of whole elements with lengths in their only DER form
 */
export function readElements(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at);
    if ((tag & 0x1f) === 0x1f) throw new RangeError('multi-byte tags are not used in certificates');
    const { length, start } = readLength(bytes, at + 1);
    if (start + length > bytes.length) throw new RangeError('element is cut off');
    elements.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return elements;
}

function readLength(bytes: Buffer, at: number): { length: number; start: number } {
  const first = bytes.readUInt8(at);
  if (first < 0x80) return { length: first, start: at + 1 };
  const size = first & 0x7f;
  if (size < 1 || size > 3) throw new RangeError('indefinite or huge length');
  const length = bytes.readUIntBE(at + 1, size);
  const shortest = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
  if (size !== shortest) throw new RangeError('length is not in its shortest form');
  return { length, start: at + 1 + size };
}

/** @throws RangeError when the element is missing or of another kind */
export function expectElement(element: DerElement | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError(`expected DER tag ${tag}`);
  return element.content;
}
