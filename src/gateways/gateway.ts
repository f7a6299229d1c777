import { refuse } from '../exchange/refusals.ts';
import type { OriginalRequest, Refused, RequestHeaders } from '../exchange/types.ts';
import { type CertificateFormat, certificateDecoder } from './client-certificate-header.ts';
import { createHeaderReader, type HeaderReader } from './header-reader.ts';
import type { GatewayCall, GatewayProfile } from './profile.ts';
import { createRefusalWriter, type RefusalStyle, type RefusalWriter } from './refusal-answer.ts';

/** Says which of several credentials the gateway verified. */
export const statedCredentialHeader = 'x-countersign-credential';

export interface GatewaySettings {
  /** The name in the configuration, and in the path. */
  readonly name: string;
  readonly profile: GatewayProfile;
  /** Off when undefined; the profile's own header and format where they are not given. */
  readonly certificate:
    | { readonly header?: string; readonly format?: CertificateFormat }
    | undefined;
  /** With trusted credentials, nobody gets through without a consumer. */
  readonly consumerRequired: boolean;
  /** Lower-case names of further headers that decide: credentials, callers, expressions. */
  readonly headers: readonly string[];
  /** Names of the headers that an answer sets. */
  readonly answerHeaders: readonly string[];
  readonly refusals: RefusalStyle;
}

/** A configured gateway: reads its calls and writes its refusals. */
export interface Gateway {
  readonly name: string;
  readonly readHeaders: HeaderReader['read'];
  readonly isDeciding: HeaderReader['isDeciding'];
  readonly readRequest: (headers: RequestHeaders, call: GatewayCall) => OriginalRequest | Refused;
  readonly writeRefusal: RefusalWriter;
}

export function createGateway(settings: GatewaySettings): Gateway {
  const { name, profile, consumerRequired } = settings;
  const certificate = settings.certificate && { ...profile.certificate, ...settings.certificate };
  const decodeCertificate = certificateDecoder(certificate?.format ?? profile.certificate.format);
  const certificateHeaders = certificate
    ? [
        certificate.header.toLowerCase(),
        ...(certificate.verifyHeader ? [certificate.verifyHeader] : []),
      ]
    : [];
  const deciding = [
    ...profile.headers,
    ...certificateHeaders,
    statedCredentialHeader,
    ...settings.headers,
  ];

  const reader = createHeaderReader(deciding, settings.answerHeaders);
  return {
    name,
    readHeaders: reader.read,
    isDeciding: reader.isDeciding,
    writeRefusal: createRefusalWriter(profile, settings.refusals),
    readRequest(headers, call) {
      const target = profile.readTarget(headers, call);
      if (target === undefined) return refuse('malformed_request', `headers of profile ${name}`);
      const stated = certificate && readCertificate(headers, certificateHeaders);
      if (typeof stated === 'object') return stated;
      const { method, scheme, host, path, query } = target;
      return {
        gateway: name,
        method,
        scheme,
        host,
        path,
        query,
        headers,
        certificate: stated,
        decodeCertificate,
        consumer: profile.readConsumer?.(headers),
        consumerRequired,
        upstreamUrl: profile.readUpstreamUrl?.(headers),
        statedCredential: headers.get(statedCredentialHeader),
      };
    },
  };
}

/** @param names of the certificate header, and of the one that must say it was verified */
function readCertificate(
  headers: RequestHeaders,
  [name = '', verifyName]: readonly string[],
): string | undefined | Refused {
  const value = headers.get(name);
  // Caddy sends an unset placeholder as it is written.
  if (value === undefined || value === '' || value.startsWith('{')) return undefined;
  if (verifyName !== undefined && headers.get(verifyName) !== 'SUCCESS') {
    return refuse('malformed_certificate', 'the gateway did not verify the certificate');
  }
  return value;
}
