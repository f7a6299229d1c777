import {
  constants,
  generateKeyPairSync,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto';
import forge from 'node-forge';

const { asn1 } = forge;
const { Type } = asn1;
const universal = asn1.Class.UNIVERSAL;

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** One attribute of a name; the text type decides how the value is encoded. */
export interface Attribute {
  readonly oid: string;
  readonly value: string;
  /** ASN.1 tag; UTF8String unless given. For other types than BMPString the value is latin1 bytes. */
  readonly type?: number;
}

export interface ExtensionSpec {
  readonly oid: string;
  readonly critical?: boolean;
  /** DER inside the OCTET STRING. */
  readonly value: forge.asn1.Asn1 | Buffer;
}

export interface CertificateSpec {
  /** RDNs in certificate order; most have one attribute. */
  readonly subject: readonly (readonly Attribute[])[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: readonly ExtensionSpec[];
  readonly keys?: KeyPair;
  readonly signature?: keyof typeof signatures;
}

export interface Issued extends KeyPair {
  readonly der: Buffer;
  readonly pem: string;
  readonly subject: CertificateSpec['subject'];
}

/** What a new certificate is signed with; the issuer's key must fit. */
const signatures = {
  'rsa-sha256': { oid: '1.2.840.113549.1.1.11', digest: 'sha256' },
  'rsa-sha1': { oid: '1.2.840.113549.1.1.5', digest: 'sha1' },
  'rsa-pss-sha256': { oid: '1.2.840.113549.1.1.10', digest: 'sha256' },
  'rsa-pss-sha1': { oid: '1.2.840.113549.1.1.10', digest: 'sha1' },
  'ecdsa-sha256': { oid: '1.2.840.10045.4.3.2', digest: 'sha256' },
  ed25519: { oid: '1.3.101.112', digest: null },
} as const;

export const attributeOid = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  emailAddress: '1.2.840.113549.1.9.1',
} as const;

/** A name with one attribute in each RDN. */
export function name(
  attributes: Readonly<Partial<Record<keyof typeof attributeOid, string>>>,
): CertificateSpec['subject'] {
  return Object.entries(attributes).map(([short, value]) => [
    { oid: attributeOid[short as keyof typeof attributeOid], value },
  ]);
}

export function rsaKeys(modulusLength = 2048): KeyPair {
  return generateKeyPairSync('rsa', { modulusLength });
}

export function ecKeys(namedCurve = 'prime256v1'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}

export function edKeys(): KeyPair {
  return generateKeyPairSync('ed25519');
}

/** Shared by all certificates that do not bring their own: making keys is what takes time. */
const sharedKeys = ecKeys();

const year = 365 * 24 * 3600 * 1000;

/** Issues a certificate; without an issuer it signs itself. Nothing is added to `extensions`. */
export function issueCertificate(spec: CertificateSpec, issuer?: Issued): Issued {
  const keys = spec.keys ?? sharedKeys;
  const signer = issuer ?? { ...keys, subject: spec.subject };
  const signature = signatures[spec.signature ?? defaultSignature(signer.privateKey)];
  const algorithm = sequence(oid(signature.oid), ...signatureParameters(signature));
  const tbs = sequence(
    asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, true, [integer(2)]),
    integer(Math.floor(Math.random() * 2 ** 30) + 1),
    algorithm,
    encodeName(signer.subject),
    sequence(
      time(spec.notBefore ?? new Date(Date.now() - year)),
      time(spec.notAfter ?? new Date(Date.now() + year)),
    ),
    encodeName(spec.subject),
    asn1.fromDer(bytes(keys.publicKey.export({ type: 'spki', format: 'der' }))),
    ...encodeExtensions(spec.extensions ?? []),
  );
  const toSign = Buffer.from(asn1.toDer(tbs).getBytes(), 'latin1');
  const value = sign(signature.digest, toSign, signingKey(signature, signer.privateKey));
  const bits = asn1.create(universal, Type.BITSTRING, false, `\0${bytes(value)}`);
  const der = Buffer.from(asn1.toDer(sequence(tbs, algorithm, bits)).getBytes(), 'latin1');
  return { ...keys, der, pem: pemOf(der), subject: spec.subject };
}

/** An authority with the extensions that authorities have. */
export function issueAuthority(
  spec: CertificateSpec & { readonly pathLength?: number },
  issuer?: Issued,
): Issued {
  const extensions = [basicConstraints(spec.pathLength), keyUsage('keyCertSign')];
  return issueCertificate(
    { ...spec, extensions: [...extensions, ...(spec.extensions ?? [])] },
    issuer,
  );
}

export function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** `cA` is set. */
export function basicConstraints(pathLength?: number): ExtensionSpec {
  const flag = asn1.create(universal, Type.BOOLEAN, false, '\xff');
  const limit = pathLength === undefined ? [] : [integer(pathLength)];
  return { oid: '2.5.29.19', critical: true, value: sequence(flag, ...limit) };
}

const usageBits = {
  digitalSignature: '\x07\x80',
  keyEncipherment: '\x05\x20',
  keyCertSign: '\x02\x04',
};

export function keyUsage(usage: keyof typeof usageBits): ExtensionSpec {
  const value = asn1.create(universal, Type.BITSTRING, false, usageBits[usage]);
  return { oid: '2.5.29.15', critical: true, value };
}

export const purpose = {
  clientAuth: '1.3.6.1.5.5.7.3.2',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

export function extendedKeyUsage(...purposes: readonly string[]): ExtensionSpec {
  return { oid: '2.5.29.37', value: sequence(...purposes.map(oid)) };
}

const generalNames = { email: 1, dns: 2, uri: 6, ip: 7 };

export function subjectAltName(
  ...names: readonly (readonly [keyof typeof generalNames, string])[]
): ExtensionSpec {
  const encoded = names.map(([kind, value]) =>
    asn1.create(asn1.Class.CONTEXT_SPECIFIC, generalNames[kind], false, value),
  );
  return { oid: '2.5.29.17', value: sequence(...encoded) };
}

type Signature = (typeof signatures)[keyof typeof signatures];

const usesPss = (signature: Signature) => signature.oid === signatures['rsa-pss-sha256'].oid;

function signingKey(signature: Signature, key: KeyObject): SignKeyObjectInput {
  if (!usesPss(signature)) return { key };
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return { key, padding, saltLength };
}

/** RSASSA-PSS-params (RFC 4055 §3.1); those of SHA-1 are the defaults, which DER leaves out. */
function signatureParameters(signature: Signature): forge.asn1.Asn1[] {
  if (!usesPss(signature)) return [];
  if (signature.digest === 'sha1') return [sequence()];
  const hash = sequence(oid('2.16.840.1.101.3.4.2.1'));
  const tagged = (tag: number, value: forge.asn1.Asn1) =>
    asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, true, [value]);
  const mask = sequence(oid('1.2.840.113549.1.1.8'), hash);
  return [sequence(tagged(0, hash), tagged(1, mask), tagged(2, integer(32)))];
}

function defaultSignature(key: KeyObject): keyof typeof signatures {
  if (key.asymmetricKeyType === 'ec') return 'ecdsa-sha256';
  return key.asymmetricKeyType === 'ed25519' ? 'ed25519' : 'rsa-sha256';
}

function encodeName(subject: CertificateSpec['subject']): forge.asn1.Asn1 {
  const sets = subject.map((attributes) =>
    asn1.create(universal, Type.SET, true, attributes.map(encodeAttribute)),
  );
  return sequence(...sets);
}

function encodeAttribute({ oid: type, value, type: tag = Type.UTF8 }: Attribute): forge.asn1.Asn1 {
  const content = tag === Type.UTF8 ? bytes(Buffer.from(value, 'utf8')) : value;
  return sequence(oid(type), asn1.create(universal, tag, false, content));
}

function encodeExtensions(extensions: readonly ExtensionSpec[]): forge.asn1.Asn1[] {
  if (extensions.length === 0) return [];
  const encoded = extensions.map(({ oid: type, critical, value }) => {
    const content = Buffer.isBuffer(value) ? bytes(value) : asn1.toDer(value).getBytes();
    const flag = critical ? [asn1.create(universal, Type.BOOLEAN, false, '\xff')] : [];
    return sequence(oid(type), ...flag, asn1.create(universal, Type.OCTETSTRING, false, content));
  });
  return [asn1.create(asn1.Class.CONTEXT_SPECIFIC, 3, true, [sequence(...encoded)])];
}

function sequence(...items: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return asn1.create(universal, Type.SEQUENCE, true, items);
}

function oid(text: string): forge.asn1.Asn1 {
  return asn1.create(universal, Type.OID, false, asn1.oidToDer(text).getBytes());
}

function integer(value: number): forge.asn1.Asn1 {
  return asn1.create(universal, Type.INTEGER, false, asn1.integerToDer(value).getBytes());
}

function time(date: Date): forge.asn1.Asn1 {
  return date.getUTCFullYear() < 2050
    ? asn1.create(universal, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(universal, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date));
}

/** node-forge keeps bytes in strings. */
function bytes(buffer: Buffer): string {
  return buffer.toString('latin1');
}
