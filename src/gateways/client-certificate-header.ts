import { decodeBase64 } from '../exchange/credentials/base64.ts';
import { readForwardedClientCert } from './forwarded-client-cert.ts';

/** How a gateway writes a client certificate into a header; configured, never guessed. */
export type CertificateFormat = 'url-pem' | 'base64-der' | 'base64-der-list' | 'rfc9440' | 'xfcc';

/** @returns certificates in DER, leaf first, or undefined when the header is malformed; never throws */
export type CertificateDecoder = (header: string) => readonly Uint8Array[] | undefined;

/** More than any chain needs, and a bound for what has to be verified. */
const maxCertificates = 10;

const decoders: Readonly<Record<CertificateFormat, CertificateDecoder>> = {
  /** nginx `$ssl_client_escaped_cert`. */
  'url-pem': (header) => readUrlPem(header, 1),
  /** HAProxy `ssl_c_der,base64`, Caddy `certificate_der_base64`. */
  'base64-der': (header) => readBase64List(header, 1),
  /** Traefik `passTLSClientCert.pem`: all that the client sent. */
  'base64-der-list': (header) => readBase64List(header, maxCertificates),
  /** `Client-Cert` (RFC 9440 §2.2): one byte sequence (RFC 8941 §3.3.5), and nothing else. */
  rfc9440: (header) =>
    header.length > 1 && header.startsWith(':') && header.endsWith(':')
      ? readBase64List(header.slice(1, -1), 1)
      : undefined,
  xfcc: readXfcc,
};

/** @returns the strict decoder of a format. It reads an encoding; the certificate is read later. */
export function certificateDecoder(format: CertificateFormat): CertificateDecoder {
  return decoders[format];
}

function readBase64List(text: string, atMost: number): readonly Uint8Array[] | undefined {
  const certificates = text.split(',', atMost + 1).map(decodeBase64);
  return certificates.length <= atMost && certificates.every((der) => der !== undefined)
    ? certificates
    : undefined;
}

/** RFC 7468 §5.1, each line break a single line feed, percent-encoded as a whole. */
function readUrlPem(text: string, atMost: number): readonly Uint8Array[] | undefined {
  const pem = percentDecode(text);
  if (pem === undefined) return undefined;
  const [before, ...blocks] = pem.split('-----BEGIN CERTIFICATE-----\n', atMost + 2);
  if (before !== '' || blocks.length < 1 || blocks.length > atMost) return undefined;
  const certificates = blocks.map(readPemBody);
  return certificates.every((der) => der !== undefined) ? certificates : undefined;
}

function readPemBody(block: string): Uint8Array | undefined {
  const body = /^([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\n?$/.exec(block)?.[1];
  return decodeBase64(body?.replaceAll('\n', '') ?? '');
}

/** Gateways leave `+`, `/` and `=` alone or encode them; a space or a line break they must encode. */
function percentDecode(text: string): string | undefined {
  if (!/^(?:[A-Za-z0-9\-._~+/=]|%[0-9A-Fa-f]{2})*$/.test(text)) return undefined;
  return text.replace(/%(..)/g, (_escape, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/** The certificate of the nearest hop; `Chain` repeats it and adds its intermediates. */
function readXfcc(header: string): readonly Uint8Array[] | undefined {
  const element = readForwardedClientCert(header);
  const [leaf] = readUrlPem(element?.get('cert') ?? '', 1) ?? [];
  if (!leaf) return undefined;
  const chain = element?.get('chain');
  const certificates = chain === undefined ? [] : readUrlPem(chain, maxCertificates);
  return certificates && [leaf, ...certificates.filter((der) => !Buffer.from(der).equals(leaf))];
}
