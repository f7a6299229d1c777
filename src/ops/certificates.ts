import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { MetricSources } from './metrics.ts';

/**
 * @param listeners the settings of each, by name
 * @returns when the certificates of those with TLS end
 * @throws when a certificate cannot be read
 */
export function readCertificates(
  listeners: Readonly<
    Record<string, { readonly tls?: { readonly cert_file: string } | undefined } | undefined>
  >,
): MetricSources['certificates'] {
  return Object.entries(listeners).flatMap(([listener, settings]) => {
    if (settings?.tls === undefined) return [];
    const { validTo } = new X509Certificate(readFileSync(settings.tls.cert_file));
    return [{ listener, expiresAt: Date.parse(validTo) }];
  });
}
