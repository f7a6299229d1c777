import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { buffer } from 'node:stream/consumers';
import protobuf from 'protobufjs';
import { listenAnywhere } from './process.ts';

/** What a test reads of a span; ids in hex. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2 is an error. */
  readonly status: number;
  readonly resource: Readonly<Record<string, unknown>>;
  /** Nanoseconds since the epoch. */
  readonly start: bigint;
  readonly end: bigint;
}

export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  readonly calls: IncomingHttpHeaders[];
  /** Answers instead, as long as it is set. */
  disturb: ((response: ServerResponse) => void) | undefined;
  readonly close: () => Promise<void>;
}

/** The parts of opentelemetry-proto 1.x (trace.proto, common.proto) that a test reads. */
const definitions = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
  }
  message Status { int32 code = 3; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4;
    string name = 5; int32 kind = 6; fixed64 start = 7; fixed64 end = 8;
    repeated KeyValue attributes = 9; Status status = 15;
  }
`).root;
const requestType = definitions.lookupType('Request');

/** A receiver of OTLP over HTTP, which keeps what it is sent. */
export async function startOtlpReceiver(tls?: {
  readonly cert: string;
  readonly key: string;
}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const calls: IncomingHttpHeaders[] = [];
  const answer: RequestListener = async (request, response) => {
    const body = await buffer(request).catch(() => undefined);
    calls.push(request.headers);
    if (receiver.disturb) return receiver.disturb(response);
    if (body === undefined || `${request.method} ${request.url}` !== 'POST /v1/traces') {
      response.writeHead(404).end();
      return;
    }
    spans.push(...decodeSpans(body));
    response.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end();
  };
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  const port = await listenAnywhere(server);
  const receiver: OtlpReceiver = {
    endpoint: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/v1/traces`,
    ...{ spans, calls, disturb: undefined },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
type Message = Readonly<Record<string, never>> & { readonly attributes: readonly Attribute[] };

function decodeSpans(body: Buffer): ReceivedSpan[] {
  const decoded = requestType.toObject(requestType.decode(body), {
    ...{ longs: String, bytes: Buffer, arrays: true, defaults: true, oneofs: true },
  });
  return decoded['resourceSpans'].flatMap(
    ({ resource, scopeSpans }: { resource: Message; scopeSpans: { spans: Message[] }[] }) =>
      scopeSpans.flatMap(({ spans }) => spans.map((span) => readSpan(span, resource))),
  );
}

function readSpan(span: Message, resource: Message): ReceivedSpan {
  const hex = (name: string) => Buffer.from(span[name] ?? '').toString('hex');
  return {
    name: span['name'] as never,
    kind: span['kind'] as never,
    traceId: hex('traceId'),
    spanId: hex('spanId'),
    parentSpanId: hex('parentSpanId'),
    traceState: span['traceState'] as never,
    attributes: readAttributes(span),
    status: (span['status'] as { code: number } | null | undefined)?.code ?? 0,
    resource: readAttributes(resource),
    start: BigInt(span['start'] as never),
    end: BigInt(span['end'] as never),
  };
}

function readAttributes({ attributes }: Message): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const kind = String(value['value']);
      return [key, kind === 'intValue' ? Number(value[kind]) : value[kind]];
    }),
  );
}
