import { type Certificate, extensionOid } from './certificate.ts';
import { derTag, expectElement, readElements } from './der.ts';

/** What a certificate must be, whoever issued it. Each function names the first thing it is not. */

/** A certificate that may identify a client, for TLS client authentication (RFC 5280 §4.2.1). */
export function clientProblem(certificate: Certificate): string | undefined {
  if (certificate.x509.ca) return 'it is the certificate of an authority';
  if (((certificate.keyUsageBits ?? digitalSignature) & (digitalSignature | keyAgreement)) === 0) {
    return 'its key usage does not allow client authentication';
  }
  return commonProblem(certificate) ?? signatureProblem(certificate);
}

const digitalSignature = 0x80;
const keyAgreement = 0x08;

/** A certificate that may issue others. Its own signature counts only where it is not trusted by name. */
export function authorityProblem(certificate: Certificate): string | undefined {
  if (!certificate.x509.ca) return 'it is not the certificate of an authority';
  if (certificate.extensions.has(extensionOid.nameConstraints)) {
    return 'name constraints are not supported';
  }
  return commonProblem(certificate);
}

function commonProblem(certificate: Certificate): string | undefined {
  // `keyUsage` is Node's name for the extended one, and undefined also when that cannot be read.
  const restricted = certificate.extensions.has(extensionOid.extendedKeyUsage);
  if (restricted && !certificate.x509.keyUsage?.includes(clientAuthentication)) {
    return 'its extended key usage does not allow client authentication';
  }
  for (const [oid, { critical }] of certificate.extensions) {
    if (critical && !understood.has(oid))
      return 'it has a critical extension that is not understood';
  }
  return keyProblem(certificate);
}

const clientAuthentication = '1.3.6.1.5.5.7.3.2';

/** Processed here or by OpenSSL. RFC 5280 §4.2: reject any other that is critical. */
const understood: ReadonlySet<string> = new Set([
  extensionOid.keyUsage,
  extensionOid.subjectAltName,
  extensionOid.basicConstraints,
  extensionOid.certificatePolicies,
  extensionOid.extendedKeyUsage,
]);

const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

function keyProblem({ x509 }: Certificate): string | undefined {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = x509.publicKey;
    switch (asymmetricKeyType) {
      case 'rsa':
      case 'rsa-pss': {
        const bits = asymmetricKeyDetails?.modulusLength ?? 0;
        return bits < 2048 || bits > 8192 ? `its RSA key has ${bits} bits` : undefined;
      }
      case 'ec':
        return curves.has(asymmetricKeyDetails?.namedCurve ?? '')
          ? undefined
          : 'its curve is not accepted';
      case 'ed25519':
      case 'ed448':
        return undefined;
      default:
        return 'its kind of key is not accepted';
    }
  } catch {
    return 'its key cannot be read';
  }
}

const sha2 = ['608648016503040201', '608648016503040202', '608648016503040203'];
const rsaPss = '2a864886f70d01010a';

/** RSA and ECDSA with SHA-256, -384, -512 (RFC 4055, RFC 5758), Ed25519 and Ed448 (RFC 8410). */
const signatureAlgorithms = new Set([
  '2a864886f70d01010b',
  '2a864886f70d01010c',
  '2a864886f70d01010d',
  '2a8648ce3d040302',
  '2a8648ce3d040303',
  '2a8648ce3d040304',
  '2b6570',
  '2b6571',
]);

/** SHA-1 and MD5 can be made to collide: their signatures may be about another certificate. */
export function signatureProblem({ signatureAlgorithm }: Certificate): string | undefined {
  const { oid, parameters } = signatureAlgorithm;
  const accepted =
    signatureAlgorithms.has(oid) || (oid === rsaPss && usesSha2(parameters[0]?.content));
  return accepted ? undefined : 'its signature algorithm is not accepted';
}

/** RSASSA-PSS-params (RFC 4055 §3.1): the hash is in `[0]`, and SHA-1 when that is left out. */
function usesSha2(parameters: Buffer | undefined): boolean {
  try {
    const hash = readElements(parameters ?? Buffer.alloc(0)).find(({ tag }) => tag === 0xa0);
    const [algorithm] = readElements(hash?.content ?? Buffer.alloc(0));
    const [oid] = readElements(expectElement(algorithm, derTag.sequence));
    return sha2.includes(expectElement(oid, derTag.oid).toString('hex'));
  } catch {
    return false;
  }
}
