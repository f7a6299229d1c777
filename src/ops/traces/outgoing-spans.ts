import { type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { Signer } from '../../exchange/types.ts';
import type { Outgoing, OutgoingCall } from '../../issuers/outgoing.ts';
import { writeContext } from './caller-context.ts';
import type { CurrentDecisions } from './current-decision.ts';

export interface OutgoingSpanDeps {
  readonly tracer: Tracer;
  readonly decisions: CurrentDecisions;
}

/**
 * Makes a span below the decision for each call that it makes, and tells the other side by
 * `traceparent`. Calls in the background make none.
 */
export function traceOutgoing({ tracer, decisions }: OutgoingSpanDeps): Outgoing {
  return async (call, send) => {
    const current = decisions.get();
    if (current === undefined) return send({ headers: {}, answered() {} });
    const attributes = describe(call);
    const options = { kind: SpanKind.CLIENT, attributes };
    const span = tracer.startSpan(call.method, options, current.context);
    const headers = writeContext(trace.setSpan(current.context, span));
    return during(span, () => send({ headers, answered: (status) => setStatus(span, status) }));
  };
}

/** Makes a span below the decision for each signature of a key that is elsewhere. */
export function traceSigning(
  { tracer, decisions }: OutgoingSpanDeps,
  place: 'pkcs11' | 'vault_transit',
): (signer: Signer) => Signer {
  const traced = new WeakMap<Signer, Signer>();

  function wrap(signer: Signer): Signer {
    const { kid, alg } = signer;
    const attributes = {
      ...{ 'countersign.key.place': place, 'countersign.key.kid': kid, 'countersign.key.alg': alg },
    };
    return {
      ...{ kid, alg },
      async sign(input) {
        const current = decisions.get();
        if (current === undefined) return signer.sign(input);
        const span = tracer.startSpan('sign', { attributes }, current.context);
        return during(span, () => decisions.runPart(current, span, async () => signer.sign(input)));
      },
    };
  }

  return (signer) => {
    const known = traced.get(signer) ?? wrap(signer);
    traced.set(signer, known);
    return known;
  };
}

async function during<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    setError(span, codeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** The URL is one of the configuration, or of a document named there; a query could hold anything. */
function describe({ purpose, method, url }: OutgoingCall) {
  const { origin, pathname, hostname, port, protocol } = new URL(url);
  return {
    'countersign.purpose': purpose,
    'http.request.method': method,
    'url.full': `${origin}${pathname}`,
    'server.address': hostname.replace(/^\[|\]$/g, ''),
    'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
  };
}

function setStatus(span: Span, status: number): void {
  span.setAttribute('http.response.status_code', status);
  if (status >= 400) setError(span, String(status));
}

function setError(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Codes and names only: a message may quote what was sent. */
function codeOf(error: unknown): string {
  const { cause, code, name } = error as NodeJS.ErrnoException & { cause?: { code?: unknown } };
  return String(cause?.code ?? code ?? name);
}
