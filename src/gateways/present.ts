import { callerSecretHeader } from './callers.ts';
import type { CertificateFormat } from './client-certificate-header.ts';
import { statedCredentialHeader } from './gateway.ts';
import type { GatewayProfile } from './profile.ts';
import { type ProfileName, profiles } from './profiles.ts';
import { writeClientCertificate } from './write-client-certificate.ts';

/** A request as its client sends it to a gateway, with what the gateway knows besides. */
export interface ClientRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** The Host header, or `:authority`. */
  readonly host: string;
  /** Path and query, raw. */
  readonly target: string;
  /** Lines, name and value in turn; without Host. */
  readonly headers: readonly string[];
  /** The client's certificate in DER, leaf first; empty when it has none. */
  readonly certificate: readonly Uint8Array[];
  /** What Kong states of the consumer, by header. */
  readonly consumer: readonly string[];
  /** The Service's URL, which only Kong states. */
  readonly upstreamUrl: string | undefined;
  /** The kind of credential that the gateway says it verified. */
  readonly verified: string | undefined;
  /** What the gateway proves itself with. */
  readonly secret: string | undefined;
}

/** The call that a gateway makes about a request. */
export interface PresentedCall {
  readonly method: string;
  /** What follows `/auth/<name>`. */
  readonly rest: string;
  /** Lines, name and value in turn. */
  readonly headers: readonly string[];
}

/** Profiles of gateways that ask over HTTP. */
export type HttpProfileName = Exclude<ProfileName, 'envoy_grpc'>;

export interface PresentedAs {
  readonly profile: HttpProfileName;
  /** Where the gateway writes client certificates, when it is told to. */
  readonly certificate:
    | { readonly header?: string; readonly format?: CertificateFormat }
    | undefined;
}

type Present = (request: ClientRequest) => PresentedCall;

const xOriginal: Present = ({ method, scheme, host, target }) => ({
  method: 'GET',
  rest: '',
  headers: ['X-Original-Method', method, 'X-Original-URL', `${scheme}://${host}${target}`],
});

const xForwarded: Present = ({ method, scheme, host, target }) => ({
  method: 'GET',
  rest: '',
  headers: [
    ...['X-Forwarded-Method', method, 'X-Forwarded-Proto', scheme],
    ...['X-Forwarded-Host', host, 'X-Forwarded-Uri', target],
  ],
});

/** What each gateway says, by our recipe for it. */
const presents: Readonly<Record<HttpProfileName, Present>> = {
  nginx: xOriginal,
  'ingress-nginx': xOriginal,
  traefik: xForwarded,
  caddy: xForwarded,
  haproxy: xForwarded,
  apache: xForwarded,
  apisix: xForwarded,
  kong(request) {
    const { headers, ...call } = xForwarded(request);
    const { consumer, upstreamUrl = '' } = request;
    return { ...call, headers: [...headers, 'X-Upstream-Url', upstreamUrl, ...consumer] };
  },
  envoy: ({ method, scheme, host, target }) => ({
    method,
    rest: target,
    headers: ['host', host, 'content-length', '0', 'x-forwarded-proto', scheme],
  }),
};

/** A call has no body, whatever the client's request has. */
const framing = ['content-length', 'transfer-encoding', 'expect', 'trailer'];

/**
 * Writes the call that a gateway makes about a request: its own headers in place of the client's
 * copies, then all other headers of the client.
 */
export function presentRequest(request: ClientRequest, as: PresentedAs): PresentedCall {
  const profile: GatewayProfile = profiles[as.profile];
  const { method, rest, headers } = presents[as.profile](request);
  const { header, format, verifyHeader } = { ...profile.certificate, ...as.certificate };
  const own = [...headers];
  if (as.certificate && request.certificate.length > 0) {
    own.push(header, writeClientCertificate(format, request.certificate));
    if (verifyHeader !== undefined) own.push(verifyHeader, 'SUCCESS');
  }
  if (request.verified !== undefined) own.push(statedCredentialHeader, request.verified);
  if (request.secret !== undefined) own.push(callerSecretHeader, request.secret);
  const overwritten = new Set([
    ...profile.headers,
    ...(as.certificate ? [header.toLowerCase(), verifyHeader] : []),
    ...[statedCredentialHeader, callerSecretHeader, ...framing],
  ]);
  const isClients = (name: string) => !overwritten.has(name.toLowerCase());
  const others = request.headers.filter((_, at) => isClients(request.headers[at - (at % 2)] ?? ''));
  return { method, rest, headers: [...own, ...others] };
}
