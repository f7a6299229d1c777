import { type Allowed, type Refused, writtenForms } from '../../exchange/types.ts';
import type { RefusalWriter } from '../refusal-answer.ts';
import { checkResponse, type HeaderValueOption } from './messages.ts';

export interface CheckResponseWriter {
  /** @returns the bytes of a `CheckResponse`; the same for each use of a token */
  allow(allowed: Allowed): Uint8Array;
  refuse(refused: Refused): Uint8Array;
}

export interface CheckResponseSettings {
  /** Lower-case names of headers that backends must not see. */
  readonly strip: readonly string[];
  /** Goes to the client with its response. */
  readonly downstreamHeader: string | undefined;
  readonly writeRefusal: RefusalWriter;
}

/** Status codes of gRPC; what is left out, or zero, lets the request through. */
const ok = 0;
const permissionDenied = 7;
const unauthenticated = 16;

/** Writes decisions as Envoy reads them. */
export function createCheckResponseWriter(settings: CheckResponseSettings): CheckResponseWriter {
  const { strip, downstreamHeader, writeRefusal } = settings;

  function encodeAllowed({ headers }: Allowed): Uint8Array {
    const lines = pairs(headers);
    const forClient = lines.filter(([name]) => name === downstreamHeader);
    const forBackend = lines.filter(([name]) => name !== downstreamHeader);
    // Envoy removes after it sets: what we set must not be among them.
    const aliases = lines.flatMap(([name]) => aliasesOf(name));
    return checkResponse.encode({
      status: { code: ok },
      okResponse: {
        headers: forBackend.map(overwrite),
        headersToRemove: [...strip, ...aliases],
        responseHeadersToAdd: forClient.map(overwrite),
      },
    });
  }

  return {
    allow(allowed) {
      const written = writtenForms(allowed);
      written.checkResponse ??= encodeAllowed(allowed);
      return written.checkResponse;
    },
    refuse(refused) {
      const { status, headers, body } = writeRefusal(refused);
      // Envoy counts the body itself.
      const lines = pairs(headers).filter(([name]) => name !== 'Content-Length');
      return checkResponse.encode({
        status: { code: status === 401 ? unauthenticated : permissionDenied },
        deniedResponse: { status: { code: status }, headers: lines.map(add), body },
      });
    },
  };
}

type Line = readonly [name: string, value: string];

function pairs(lines: readonly string[]): Line[] {
  const all: Line[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    all.push([lines[at] as string, lines[at + 1] as string]);
  }
  return all;
}

/** Without `append: false`, some versions would put ours beside the client's own. */
function overwrite(line: Line): HeaderValueOption {
  return { ...add(line), append: { value: false } };
}

/** Each challenge gets a line of its own only where `append` is not set. */
function add([name, value]: Line): HeaderValueOption {
  return { header: { key: name.toLowerCase(), value: Buffer.from(value, 'latin1') } };
}

/** Some backends take these for the header itself. */
function aliasesOf(name: string): string[] {
  const lower = name.toLowerCase();
  const aliases = ['_', '.'].map((separator) => lower.replaceAll('-', separator));
  return [...new Set(aliases)].filter((alias) => alias !== lower);
}
