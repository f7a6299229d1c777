import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { readBounded } from '../../issuers/read-bounded.ts';
import { readHeaders } from './headers-file.ts';

export interface DeliverySettings {
  readonly endpoint: string;
  readonly headers_file?: string | undefined;
  readonly ca_file?: string | undefined;
}

/** `reason` is for the log: it holds nothing of what was sent or received. */
export type Delivery =
  | { readonly outcome: 'taken'; readonly rejected: number }
  /** Sending the same again would not help. */
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'later'; readonly reason: string };

export interface Deliverer {
  /** Never throws. */
  deliver(spans: readonly ReadableSpan[], signal: AbortSignal): Promise<Delivery>;
  close(): void;
}

const deadlineMs = 10_000;
const maxBytes = 64 * 1024;
/** OTLP 1.x, "Failures": these may be sent again; so may what had no answer. */
const retryable = new Set([429, 502, 503, 504]);

/**
 * Sends spans as OTLP over HTTP in protobuf: one connection that stays open, one deadline, a bounded
 * answer, no redirects.
 */
export function createDeliverer({ endpoint, headers_file, ca_file }: DeliverySettings): Deliverer {
  const request = endpoint.startsWith('https:') ? httpsRequest : httpRequest;
  let opened: HttpAgent | undefined;

  function agent(): HttpAgent {
    if (opened !== undefined) return opened;
    const ca = ca_file === undefined ? {} : { ca: readFileSync(ca_file) };
    const settings = { keepAlive: true, maxSockets: 1, ...ca };
    opened = request === httpsRequest ? new HttpsAgent(settings) : new HttpAgent(settings);
    return opened;
  }

  async function post(body: Uint8Array, signal: AbortSignal): Promise<Delivery> {
    const secret = headers_file === undefined ? '' : await readFile(headers_file, 'utf8');
    const headers = {
      ...readHeaders(secret),
      'Content-Type': 'application/x-protobuf',
      'Content-Length': body.length,
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(endpoint, { agent: agent(), signal, headers, method: 'POST' }, resolve)
        .on('error', reject)
        .end(body);
    });
    const answer = (await readBounded(response, maxBytes)) ?? new Uint8Array();
    const status = response.statusCode ?? 0;
    if (status === 200) return { outcome: 'taken', rejected: countRejected(answer) };
    return { outcome: retryable.has(status) ? 'later' : 'refused', reason: `status ${status}` };
  }

  return {
    async deliver(spans, signal) {
      const deadline = AbortSignal.timeout(deadlineMs);
      try {
        const body = ProtobufTraceSerializer.serializeRequest([...spans]) ?? new Uint8Array();
        return await post(body, AbortSignal.any([signal, deadline]));
      } catch (error) {
        return { outcome: 'later', reason: describe(error, deadline) };
      }
    },
    close: () => opened?.destroy(),
  };
}

/** A receiver may take a batch and say that it left some spans out. */
function countRejected(answer: Uint8Array): number {
  try {
    const { partialSuccess } = ProtobufTraceSerializer.deserializeResponse(answer);
    return Number(partialSuccess?.rejectedSpans ?? 0);
  } catch {
    return 0;
  }
}

/** Codes only: a message may quote what was sent. */
function describe(error: unknown, deadline: AbortSignal): string {
  if (deadline.aborted) return `no whole answer within ${deadlineMs} ms`;
  const { code } = error as NodeJS.ErrnoException;
  return code ?? 'the headers file or the exchange failed';
}
