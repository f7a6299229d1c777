import type { Metadata } from '@grpc/grpc-js';
import type { CheckRequest } from './decode-check-request.ts';

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
  const { lines = call.request.joinedLines } = call.request;
  return readEach((name) =>
    lines.filter((_, at) => at % 2 === 1 && lines[at - 1]?.toLowerCase() === name),
  );
}

function readEach(read: (name: string) => readonly string[]): Readonly<Record<string, string>> {
  const found = names.map((name) => [name, read(name).join(',')] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== ''));
}
