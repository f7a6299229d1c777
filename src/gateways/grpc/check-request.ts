import { refuse } from '../../exchange/refusals.ts';
import type { Refused } from '../../exchange/types.ts';
import { statedCredentialHeader } from '../gateway.ts';
import { certificateField, targetFields } from '../profiles/envoy-grpc.ts';
import type { CheckRequest, HeaderValue } from './messages.ts';

export interface CheckRequestReader {
  /**
   * @param stated the kind of credential that Envoy says it verified, in the metadata of the call
   * @returns header lines, name and value in turn: the client's own, and Envoy's word about the
   *   request under names that no client can send
   */
  read(request: CheckRequest, stated: string | undefined): readonly string[] | Refused;
}

/** @param isDeciding whether a header by this lower-case name decides something */
export function createCheckRequestReader(
  isDeciding: (name: string) => boolean,
): CheckRequestReader {
  return {
    read({ attributes }, stated) {
      const http = attributes?.request?.http;
      if (!http) return refuse('malformed_request', 'there is no HTTP request in the call');
      const { method, scheme, host, path } = targetFields;
      const lines = [method, http.method, scheme, http.scheme, host, http.host];
      lines.push(path, latin1(http.path));
      const certificate = attributes?.source?.certificate;
      if (certificate) lines.push(certificateField, certificate);
      if (stated) lines.push(statedCredentialHeader, stated);
      const { headerMap } = http;
      if (headerMap) {
        for (const { key, value, rawValue } of headerMap.headers) {
          addLine(lines, key, rawValue.length > 0 ? rawValue : value);
        }
        return lines;
      }
      const joined = http.headers.find((header) => isJoined(header) && isDeciding(header.key));
      // Two lines, or one with a comma in it: Envoy tells them apart only with encode_raw_headers.
      if (joined) return refuse('duplicate_header', `${joined.key}, perhaps`);
      for (const { key, value } of http.headers) addLine(lines, key, value);
      return lines;
    },
  };
}

/** Leaves out HTTP/2's own fields, and what only Envoy may say: that is in the call itself. */
function addLine(lines: string[], name: string, value: Uint8Array): void {
  if (name.startsWith(':') || name === statedCredentialHeader) return;
  lines.push(name, latin1(value));
}

const comma = 0x2c;

function isJoined({ value }: HeaderValue): boolean {
  return value.includes(comma);
}

/** As Node reads the bytes of a header or a request line. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
