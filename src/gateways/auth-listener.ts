import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Exchange } from '../exchange/exchange.ts';
import { isRefused, refuse } from '../exchange/refusals.ts';
import { type Allowed, type Decision, writtenForms } from '../exchange/types.ts';
import { type CallerCheck, callerSecretHeader } from './callers.ts';
import type { Gateway } from './gateway.ts';

/** @param seconds from the question to the answer */
export type DecisionListener = (gateway: string, decision: Decision, seconds: number) => void;

/**
 * Records a decision before it is answered. Must not throw.
 *
 * @param peer address of the gateway; undefined on a unix socket
 * @returns what is to be answered: the decision, or a refusal when nothing may happen unrecorded
 */
export type DecisionRecorder = (
  gateway: string,
  decision: Decision,
  seconds: number,
  peer: string | undefined,
) => Decision;

export interface AuthListenerDeps {
  readonly gateways: readonly Gateway[];
  readonly isCaller: CallerCheck;
  readonly exchange: Exchange;
  readonly record: DecisionRecorder | undefined;
  /** Told of every decision; must be quick, and must not throw. */
  readonly onDecision: DecisionListener;
  readonly onError: (error: unknown) => void;
}

/**
 * Answers forward-auth calls: the decision path, from wire to wire. The body of a call is never
 * read, its URL is never parsed, and no 2xx leaves without every header that was promised.
 */
export function createAuthListener(deps: AuthListenerDeps): RequestListener {
  const { isCaller, exchange, record, onDecision, onError } = deps;
  const gateways = new Map(deps.gateways.map((gateway) => [gateway.name, gateway]));

  function decide(gateway: Gateway, call: IncomingMessage, rest: string) {
    const headers = gateway.readHeaders(call.rawHeaders);
    if (isRefused(headers)) return headers;
    const secret = headers.get(callerSecretHeader);
    if (!isCaller(call.socket, secret)) return refuse('wrong_caller');
    const request = gateway.readRequest(headers, { method: call.method ?? '', rest });
    return isRefused(request) ? request : exchange(request);
  }

  function answer(
    gateway: Gateway,
    call: IncomingMessage,
    res: ServerResponse,
    decided: Decision,
    began: number,
  ) {
    const seconds = (performance.now() - began) / 1000;
    const decision =
      record === undefined
        ? decided
        : record(gateway.name, decided, seconds, call.socket.remoteAddress);
    onDecision(gateway.name, decision, seconds);
    if (decision.allowed) {
      send(call, res, { status: 200, headers: allowHead(decision), body: '' });
    } else {
      send(call, res, gateway.writeRefusal(decision));
    }
  }

  return (call, res) => {
    const began = performance.now();
    const url = call.url ?? '';
    const end = prefixEnd(url);
    const gateway = gateways.get(url.slice(prefix.length, end));
    if (gateway === undefined || !url.startsWith(prefix)) {
      send(call, res, notFound);
      return;
    }
    const fail = (error: unknown) => {
      onError(error);
      if (res.headersSent) call.socket.destroy();
      else answer(gateway, call, res, refuse('internal_error'), began);
    };
    try {
      const decision = decide(gateway, call, url.slice(end));
      if (decision instanceof Promise) {
        decision.then((late) => answer(gateway, call, res, late, began)).catch(fail);
      } else {
        answer(gateway, call, res, decision, began);
      }
    } catch (error) {
      fail(error);
    }
  };
}

const prefix = '/auth/';

/** @returns where `/auth/<name>` ends: at the next `/`, at `?`, or with the URL */
function prefixEnd(url: string): number {
  for (let at = prefix.length; at < url.length; at++) {
    const code = url.charCodeAt(at);
    if (code === 0x2f || code === 0x3f) return at;
  }
  return url.length;
}

const notFoundBody = '{"type":"about:blank","title":"Not Found","status":404}';
const notFound = {
  status: 404,
  headers: ['Content-Type', 'application/problem+json', 'Content-Length', `${notFoundBody.length}`],
  body: notFoundBody,
};

function allowHead(allowed: Allowed): readonly string[] {
  const written = writtenForms(allowed);
  written.httpHead ??= [...allowed.headers, 'Content-Length', '0'];
  return written.httpHead;
}

function send(
  call: IncomingMessage,
  res: ServerResponse,
  { status, headers, body }: { status: number; headers: readonly string[]; body: string },
): void {
  if (!announcesBody(call)) {
    res.writeHead(status, headers as string[]);
    res.end(body === '' ? undefined : body);
    return;
  }
  // Node would read the next request's bytes as the body that nobody waits for.
  res.writeHead(status, [...headers, 'Connection', 'close']);
  res.end(body, () => call.socket.destroySoon());
}

/** Of the raw lines: `headers` would be made of them for this alone. */
function announcesBody({ rawHeaders }: IncomingMessage): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === contentLength.length && name.toLowerCase() === contentLength) {
      if (rawHeaders[at + 1] !== '0') return true;
    } else if (name.length === transferEncoding.length && name.toLowerCase() === transferEncoding) {
      return true;
    }
  }
  return false;
}

const contentLength = 'content-length';
const transferEncoding = 'transfer-encoding';
