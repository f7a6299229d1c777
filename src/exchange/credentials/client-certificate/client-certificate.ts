import { createHash } from 'node:crypto';
import { refuse } from '../../refusals.ts';
import type { Refused, Subject } from '../../types.ts';
import type { CredentialMethod } from '../credential-method.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { parseCertificateAuthorities } from './certificate-authorities.ts';
import { findTrustedPath } from './certificate-path.ts';
import { clientProblem } from './certificate-profile.ts';
import { readSubjectAlternativeNames } from './subject-alternative-names.ts';
import { writeDistinguishedName } from './subject-dn.ts';

/** `ca` is the text of a PEM file of trusted authorities; `now` is in milliseconds. */
export type ClientCertificateOptions =
  | { readonly trusted: true; readonly now: () => number }
  | { readonly ca: string; readonly now: () => number };

/**
 * A client certificate that the gateway passed on: its subject is the client. Checking it against
 * an authority does not prove that the client has its key; that is what the gateway did.
 *
 * @throws CredentialFileError when `ca` cannot be used
 */
export function createClientCertificateMethod(options: ClientCertificateOptions): CredentialMethod {
  const trusted = 'trusted' in options;
  const authorities = trusted ? undefined : parseCertificateAuthorities(options.ca);
  return {
    kind: 'client_certificate',
    trusted,
    find: (request) => request.certificate,
    identify(header, request) {
      const [first, ...others] = request.decodeCertificate(header) ?? [];
      const leaf = first && readCertificate(first);
      if (!leaf) return refuse('malformed_certificate');
      const now = options.now();
      if (now < leaf.notBefore) return refuse('untrusted_certificate', 'it is not valid yet');
      if (now > leaf.notAfter) return refuse('untrusted_certificate', 'it has expired');
      const until = authorities ? verify(leaf, others, { authorities, now }) : leaf.notAfter;
      return typeof until === 'number' ? describeSubject(leaf, until) : until;
    },
  };
}

interface Trust {
  readonly authorities: readonly Certificate[];
  readonly now: number;
}

/** @returns the time (ms) until which the leaf and what leads to an authority are valid */
function verify(leaf: Certificate, others: readonly Uint8Array[], trust: Trust): number | Refused {
  const problem = clientProblem(leaf);
  if (problem) return refuse('untrusted_certificate', problem);
  const presented = others.map(readCertificate);
  if (!presented.every((certificate) => certificate !== undefined)) {
    return refuse('malformed_certificate', 'a certificate beside the leaf');
  }
  const until = findTrustedPath({ leaf, presented, ...trust });
  return until ?? refuse('untrusted_certificate', 'no trusted authority issued it');
}

function describeSubject(leaf: Certificate, until: number): Subject | Refused {
  const { x509, der } = leaf;
  // Node leaves an empty name undefined, whatever its types say.
  const subject = writeDistinguishedName(x509.subject as string | undefined);
  if (subject === undefined) return refuse('no_client_id', 'the subject is empty or hostile');
  const issuer = writeDistinguishedName(x509.issuer as string | undefined);
  const san = readSubjectAlternativeNames(leaf);
  if (issuer === undefined || !san) {
    return refuse('malformed_certificate', 'its issuer or an alternative name');
  }
  const thumbprint = createHash('sha256').update(der).digest();
  return {
    clientId: subject,
    subject,
    claims: {},
    credential: {
      type: 'client_certificate',
      subject,
      issuer,
      serial_number: x509.serialNumber,
      fingerprint_sha256: thumbprint.toString('hex'),
      x5t_s256: thumbprint.toString('base64url'),
      san: { ...san },
    },
    expiresAt: Math.floor(until / 1000),
    reusableUntil: until,
  };
}

/** `x5t#S256` of a certificate (RFC 8705 §3.1): base64url of the SHA-256 of its DER. */
export function certificateThumbprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('base64url');
}
