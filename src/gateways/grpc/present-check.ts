import type { ClientRequest } from '../present.ts';
import { writeClientCertificate } from '../write-client-certificate.ts';
import type { CheckCall } from './check.ts';
import { decodeCheckRequest } from './decode-check-request.ts';
import { checkRequest, type HeaderValue } from './messages.ts';

/** Writes the check that Envoy makes about a request, and reads it back from the wire. */
export function presentCheck(request: ClientRequest): CheckCall {
  const { method, scheme, host, target, certificate } = request;
  const bytes = checkRequest.encode({
    attributes: {
      source: {
        certificate: certificate.length === 0 ? '' : writeClientCertificate('url-pem', certificate),
      },
      request: {
        http: {
          ...{ method, scheme, host, path: Buffer.from(target, 'latin1'), headers: [] },
          headerMap: { headers: headerValues(request.headers) },
        },
      },
    },
  });
  return {
    request: decodeCheckRequest(bytes),
    peer: {},
    secret: request.secret,
    statedCredential: request.verified,
  };
}

function headerValues(lines: readonly string[]): HeaderValue[] {
  return lines.flatMap((name, at) => {
    if (at % 2 === 1) return [];
    const rawValue = Buffer.from(lines[at + 1] ?? '', 'latin1');
    return [{ key: name.toLowerCase(), value: Buffer.alloc(0), rawValue }];
  });
}
