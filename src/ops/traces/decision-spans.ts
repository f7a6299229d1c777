import type { RequestListener } from 'node:http';
import { type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Decision } from '../../exchange/types.ts';
import { readCallerContext, type TraceHeaders } from './caller-context.ts';
import { type CurrentDecisions, endIfDone } from './current-decision.ts';

/** A handler of unary gRPC calls, as far as it matters here. */
export type UnaryHandler<Call, Answer> = (
  call: Call,
  done: (error: null, answer: Answer) => void,
) => void;

export interface DecisionSpanDeps {
  readonly tracer: Tracer;
  readonly decisions: CurrentDecisions;
}

/**
 * Makes a span for each decision over HTTP: it ends with the answer. What leads to no decision, as an
 * unknown path, leaves none. Neither path nor query is told: they may hold secrets of the client.
 */
export function traceListener(
  { tracer, decisions }: DecisionSpanDeps,
  listener: RequestListener,
): RequestListener {
  return (call, res) => {
    const method = knownMethods.has(call.method ?? '') ? (call.method ?? '') : '_OTHER';
    const attributes = { 'http.request.method': method };
    const parent = readCallerContext(call.headers);
    const span = tracer.startSpan(
      method === '_OTHER' ? 'HTTP' : method,
      { kind: SpanKind.SERVER, attributes },
      parent,
    );
    decisions.run(span, parent, (decision) => {
      res.once('close', () => {
        if (res.headersSent) setStatus(span, res.statusCode);
        const route = `/auth/${decision.gateway}`;
        span.setAttribute('http.route', route);
        span.updateName(`${method === '_OTHER' ? 'HTTP' : method} ${route}`);
        decision.isAnswered = true;
        endIfDone(decision);
      });
      listener(call, res);
    });
  };
}

export interface CallTracing<Call> {
  /** The full name, such as `package.Service/Method`. */
  readonly method: string;
  /** Finds what the caller stated. */
  readonly headersOf: (call: Call) => TraceHeaders;
}

/** The same for a call over gRPC. */
export function traceCalls<Call, Answer>(
  { tracer, decisions }: DecisionSpanDeps,
  { method, headersOf }: CallTracing<Call>,
  handler: UnaryHandler<Call, Answer>,
): UnaryHandler<Call, Answer> {
  const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': method, 'rpc.status_code': 'OK' };
  return (call, done) => {
    const parent = readCallerContext(headersOf(call));
    const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
    decisions.run(span, parent, (decision) =>
      handler(call, (error, answer) => {
        done(error, answer);
        decision.isAnswered = true;
        endIfDone(decision);
      }),
    );
  };
}

/** Others would make a name for each that a stranger invents. */
const knownMethods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
]);

export type DecisionListener = (gateway: string, decision: Decision, seconds: number) => void;

/** Tells the span of the decision that is made now what it is. */
export function traceDecisions(
  decisions: CurrentDecisions,
  listener: DecisionListener,
): DecisionListener {
  return (gateway, decision, seconds) => {
    listener(gateway, decision, seconds);
    const current = decisions.get()?.decision;
    if (current === undefined) return;
    describe(current.span, gateway, decision);
    current.gateway = gateway;
    endIfDone(current);
  };
}

function describe(span: Span, gateway: string, decision: Decision): void {
  span.setAttribute('countersign.gateway', gateway);
  if (decision.allowed) {
    const { credential, route, token } = decision;
    span.setAttributes({
      'countersign.decision': 'allowed',
      'countersign.credential': credential,
      'countersign.route': route,
      'countersign.jti': token.jti,
    });
  } else {
    const { reason } = decision;
    span.setAttributes({ 'countersign.decision': 'refused', 'countersign.reason': reason });
  }
}

/** For a server only 5xx is an error: a refusal is the answer that was asked for. */
function setStatus(span: Span, status: number): void {
  span.setAttribute('http.response.status_code', status);
  if (status < 500) return;
  span.setAttribute('error.type', String(status));
  span.setStatus({ code: SpanStatusCode.ERROR });
}
