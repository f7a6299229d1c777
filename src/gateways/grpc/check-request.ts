import { refuse } from '../../exchange/refusals.ts';
import type { Refused } from '../../exchange/types.ts';
import { statedCredentialHeader } from '../gateway.ts';
import { certificateField, targetFields } from '../profiles/envoy-grpc.ts';
import type { CheckRequest } from './decode-check-request.ts';

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
    read(request, stated) {
      if (!request.hasHttp) {
        return refuse('malformed_request', 'there is no HTTP request in the call');
      }
      const { method, scheme, host, path } = targetFields;
      const lines = [method, request.method, scheme, request.scheme, host, request.host];
      lines.push(path, request.path);
      if (request.certificate) lines.push(certificateField, request.certificate);
      if (stated) lines.push(statedCredentialHeader, stated);
      if (request.lines !== undefined) {
        addLines(lines, request.lines);
        return lines;
      }
      const joined = findJoined(request.joinedLines, isDeciding);
      // Two lines, or one with a comma in it: Envoy tells them apart only with encode_raw_headers.
      if (joined !== undefined) return refuse('duplicate_header', `${joined}, perhaps`);
      addLines(lines, request.joinedLines);
      return lines;
    },
  };
}

/** Leaves out HTTP/2's own fields, and what only Envoy may say: that is in the call itself. */
function addLines(lines: string[], more: readonly string[]): void {
  for (let at = 0; at < more.length; at += 2) {
    const name = more[at] as string;
    if (name.startsWith(':') || name === statedCredentialHeader) continue;
    lines.push(name, more[at + 1] as string);
  }
}

/** @returns the name of a deciding header whose value may be that of several lines */
function findJoined(
  lines: readonly string[],
  isDeciding: (name: string) => boolean,
): string | undefined {
  return lines.find(
    (name, at) => at % 2 === 0 && (lines[at + 1] as string).includes(',') && isDeciding(name),
  );
}
