import { type Certificate, extensionOid } from './certificate.ts';
import { derTag, expectElement, readElements } from './der.ts';

/** The alternative names that are texts (RFC 5280 §4.2.1.6). */
export type SubjectAlternativeNames = Readonly<Record<'dns' | 'uri' | 'email', readonly string[]>>;

/** `GeneralName` is a choice by context tag. */
const kinds: ReadonlyMap<number, keyof SubjectAlternativeNames> = new Map([
  [0x81, 'email'],
  [0x82, 'dns'],
  [0x86, 'uri'],
]);

/**
 * Reads the extension itself: in its printed form a name that holds `, DNS:admin` takes care to
 * tell from two names.
 *
 * @returns undefined when it is malformed or a name holds anything but visible ASCII characters
 */
export function readSubjectAlternativeNames(
  certificate: Certificate,
): SubjectAlternativeNames | undefined {
  const names = { dns: [] as string[], uri: [] as string[], email: [] as string[] };
  const extension = certificate.extensions.get(extensionOid.subjectAltName);
  if (!extension) return names;
  try {
    const [list] = readElements(extension.value);
    for (const { tag, content } of readElements(expectElement(list, derTag.sequence))) {
      const kind = kinds.get(tag);
      if (kind) names[kind].push(readAscii(content));
    }
    return names;
  } catch {
    return undefined;
  }
}

function readAscii(content: Buffer): string {
  const text = content.toString('latin1');
  if (!/^[\x20-\x7e]+$/.test(text)) throw new RangeError('not a visible ASCII text');
  return text;
}
