import { type Context, ROOT_CONTEXT } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';

/** `traceparent` and `tracestate` as they came; several lines joined by a comma. */
export type TraceHeaders = Readonly<Record<string, string | string[] | undefined>>;

const propagator = new W3CTraceContextPropagator();

const getter = {
  keys: (headers: TraceHeaders) => Object.keys(headers),
  get(headers: TraceHeaders, name: string) {
    const value = headers[name];
    // Of two lines nobody knows which one counts.
    return name === 'traceparent' && String(value).includes(',') ? undefined : value;
  },
};

/** @returns what the caller stated (W3C Trace Context §3); the root for nothing, or nothing well-formed */
export function readCallerContext(headers: TraceHeaders): Context {
  return propagator.extract(ROOT_CONTEXT, headers, getter);
}

/** @returns the headers that tell another service where it belongs */
export function writeContext(context: Context): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  propagator.inject(context, headers, {
    set: (carrier, name, value) => {
      carrier[name] = value;
    },
  });
  return headers;
}
