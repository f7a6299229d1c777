import { X509Certificate } from 'node:crypto';
import type { MetricSources } from './metrics.ts';

/**
 * @param files the certificate chain of each listener with TLS, in PEM, by its name
 * @returns when the certificates end
 */
export function readCertificates(
  files: Iterable<readonly [listener: string, { readonly cert: Buffer }]>,
): MetricSources['certificates'] {
  return [...files].map(([listener, { cert }]) => {
    const { validTo } = new X509Certificate(cert);
    return { listener, expiresAt: Date.parse(validTo) };
  });
}
