import type { Metadata } from '@grpc/grpc-js';
import type { CheckRequest } from './messages.ts';

const names = ['traceparent', 'tracestate'] as const;

/**
 * Where a call says it belongs (W3C Trace Context): in its metadata, where Envoy writes its own span;
 * else in the original request.
 *
 * @returns the values by name; several of one name joined by a comma
 */
export function traceHeaders(call: {
  readonly metadata: Metadata;
  readonly request: CheckRequest;
}): Readonly<Record<string, string>> {
  const stated = readEach((name) => call.metadata.get(name).map(String));
  if (stated['traceparent'] !== undefined) return stated;
  const http = call.request.attributes?.request?.http;
  const lines = http?.headerMap?.headers ?? http?.headers ?? [];
  return readEach((name) =>
    lines
      .filter(({ key }) => key.toLowerCase() === name)
      .map(({ value, rawValue }) => text(rawValue.length > 0 ? rawValue : value)),
  );
}

function readEach(read: (name: string) => readonly string[]): Readonly<Record<string, string>> {
  const found = names.map((name) => [name, read(name).join(',')] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== ''));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
