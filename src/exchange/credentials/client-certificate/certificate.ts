import { X509Certificate } from 'node:crypto';
import { type DerElement, derTag, expectElement, readElements } from './der.ts';

/** A certificate as OpenSSL reads it, with the fields that `X509Certificate` does not tell. */
export interface Certificate {
  readonly x509: X509Certificate;
  readonly der: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** `AlgorithmIdentifier` of the signature: the OID in hex, then its parameters. */
  readonly signatureAlgorithm: { readonly oid: string; readonly parameters: readonly DerElement[] };
  /** By OID in hex. */
  readonly extensions: ReadonlyMap<string, Extension>;
  /** The first octet of the key usage bits (RFC 5280 §4.2.1.3); undefined when not restricted. */
  readonly keyUsageBits: number | undefined;
  /** How many authorities may stand below this one (RFC 5280 §4.2.1.9). */
  readonly pathLength: number;
}

export interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/** Extension OIDs (RFC 5280 §4.2.1) as hex of their DER content: 2.5.29 and one more arc. */
export const extensionOid = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  certificatePolicies: '551d20',
  extendedKeyUsage: '551d25',
} as const;

/** @returns undefined when the bytes are anything else than one certificate in DER. Never throws. */
export function readCertificate(der: Uint8Array): Certificate | undefined {
  try {
    const x509 = new X509Certificate(der);
    // OpenSSL also takes PEM, and ignores what follows.
    if (!x509.raw.equals(der)) return undefined;
    const notBefore = Date.parse(x509.validFrom);
    const notAfter = Date.parse(x509.validTo);
    if (Number.isNaN(notBefore) || Number.isNaN(notAfter)) return undefined;
    return { x509, der, notBefore, notAfter, ...readFields(x509.raw) };
  } catch {
    return undefined;
  }
}

export function isValidAt(certificate: Certificate, now: number): boolean {
  return certificate.notBefore <= now && now <= certificate.notAfter;
}

/** RFC 5280 §4.1. Optional fields before the extensions have context tags. */
function readFields(raw: Buffer): Omit<Certificate, 'x509' | 'der' | 'notBefore' | 'notAfter'> {
  const [certificate] = readElements(raw);
  const [tbs, algorithm] = readElements(expectElement(certificate, derTag.sequence));
  const fields = readElements(expectElement(tbs, derTag.sequence));
  const versionTag = 0xa0;
  const subject = fields[fields[0]?.tag === versionTag ? 5 : 4];
  expectTexts(expectElement(subject, derTag.sequence));
  const extensionsTag = 0xa3;
  const extensions = readExtensions(fields.find(({ tag }) => tag === extensionsTag));
  return {
    signatureAlgorithm: readAlgorithm(expectElement(algorithm, derTag.sequence)),
    extensions,
    keyUsageBits: readKeyUsage(extensions.get(extensionOid.keyUsage)),
    pathLength: readPathLength(extensions.get(extensionOid.basicConstraints)),
  };
}

function readAlgorithm(content: Buffer): Certificate['signatureAlgorithm'] {
  const [oid, ...parameters] = readElements(content);
  return { oid: expectElement(oid, derTag.oid).toString('hex'), parameters };
}

/** UTF8String, NumericString, PrintableString, TeletexString, IA5String, UniversalString, BMPString. */
const textTags = new Set([12, 18, 19, 20, 22, 28, 30]);

/** OpenSSL would print a BIT STRING, and types without a name, like the text of the same bytes. */
function expectTexts(name: Buffer): void {
  for (const relativeName of readElements(name)) {
    for (const attribute of readElements(expectElement(relativeName, derTag.set))) {
      const [, value] = readElements(expectElement(attribute, derTag.sequence));
      if (!value || !textTags.has(value.tag)) throw new RangeError('a name holds no text');
    }
  }
}

function readExtensions(field: DerElement | undefined): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  if (!field) return extensions;
  const [list] = readElements(field.content);
  for (const extension of readElements(expectElement(list, derTag.sequence))) {
    const parts = readElements(expectElement(extension, derTag.sequence));
    const oid = expectElement(parts[0], derTag.oid).toString('hex');
    // RFC 5280 §4.2: not more than one of a kind.
    if (extensions.has(oid)) throw new RangeError('an extension comes twice');
    extensions.set(oid, {
      critical: parts[1]?.tag === derTag.boolean && parts[1].content[0] !== 0,
      value: expectElement(parts[parts.length - 1], derTag.octetString),
    });
  }
  return extensions;
}

/** A BIT STRING: the number of unused bits, then the bits. */
function readKeyUsage(extension: Extension | undefined): number | undefined {
  if (!extension) return undefined;
  const [bits] = readElements(extension.value);
  return expectElement(bits, derTag.bitString)[1] ?? 0;
}

function readPathLength(extension: Extension | undefined): number {
  if (!extension) return Infinity;
  const [constraints] = readElements(extension.value);
  const [, limit] = readElements(expectElement(constraints, derTag.sequence));
  if (!limit) return Infinity;
  return Number.parseInt(expectElement(limit, derTag.integer).toString('hex'), 16);
}
