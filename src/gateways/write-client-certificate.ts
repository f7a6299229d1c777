import { X509Certificate } from 'node:crypto';
import type { CertificateFormat } from './client-certificate-header.ts';

const writers: Readonly<Record<CertificateFormat, (chain: readonly Uint8Array[]) => string>> = {
  'url-pem': ([leaf]) => urlPem(leaf),
  'base64-der': ([leaf]) => base64(leaf),
  'base64-der-list': (chain) => chain.map(base64).join(','),
  rfc9440: ([leaf]) => `:${base64(leaf)}:`,
  xfcc: (chain) => `Cert="${urlPem(chain[0])}";Chain="${chain.map(urlPem).join('')}"`,
};

/** @param chain certificates in DER, leaf first. @returns what a gateway writes into its header */
export function writeClientCertificate(
  format: CertificateFormat,
  chain: readonly Uint8Array[],
): string {
  return writers[format](chain);
}

function base64(der: Uint8Array | undefined): string {
  return Buffer.from(der ?? []).toString('base64');
}

function urlPem(der: Uint8Array | undefined): string {
  return encodeURIComponent(new X509Certificate(der ?? Buffer.alloc(0)).toString());
}
