import { decodeBase64 } from '../base64.ts';
import { CredentialFileError } from '../credential-file-error.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { authorityProblem } from './certificate-profile.ts';

const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;

/**
 * Reads a PEM file of trusted authorities; text between the blocks is ignored. Expired ones are
 * taken, and never used.
 *
 * @throws CredentialFileError when it has none, and for every block that is no usable authority
 */
export function parseCertificateAuthorities(pem: string): readonly Certificate[] {
  const blocks = [...pem.matchAll(block)];
  const begun = pem.match(/-----BEGIN /g)?.length ?? 0;
  if (begun === 0) throw new CredentialFileError(['the file has no certificate in PEM']);
  if (begun !== blocks.length) {
    throw new CredentialFileError(['the file has a block that is no whole certificate in PEM']);
  }

  const authorities: Certificate[] = [];
  const problems: string[] = [];
  for (const { index, 1: body = '' } of blocks) {
    const der = decodeBase64(body.replace(/\s/g, ''));
    const authority = der && readCertificate(der);
    const problem = authority ? authorityProblem(authority) : 'it cannot be read';
    if (authority) authorities.push(authority);
    if (problem) {
      problems.push(`line ${pem.slice(0, index).split('\n').length}: certificate: ${problem}`);
    }
  }
  if (problems.length > 0) throw new CredentialFileError(problems);
  return authorities;
}
