import { type Outgoing, type OutgoingCall, plainOutgoing, type Sending } from './outgoing.ts';
import { readBounded } from './read-bounded.ts';
import { refuseUrl } from './trusted-url.ts';

export interface DocumentRequest<T> {
  readonly url: string;
  readonly purpose: OutgoingCall['purpose'];
  /** Limit of the body, after decompression. */
  readonly maxBytes: number;
  /** Reads the body; undefined when it is not such a document. */
  readonly parse: (text: string) => T | undefined;
  /** Sent by POST; without it the request is a GET. */
  readonly form?: URLSearchParams;
  /** The value of the Authorization header. */
  readonly authorization?: string;
  /** From the look-up of the name to the last byte of the body. */
  readonly deadlineMs?: number;
  readonly outgoing?: Outgoing | undefined;
}

export type Fetched<T> =
  | {
      readonly ok: true;
      readonly document: T;
      /** `max-age` of Cache-Control (RFC 9111 §5.2.2.1). */
      readonly maxAgeSeconds: number | undefined;
    }
  /** `reason` is for the log: it holds nothing of what was sent or received. */
  | { readonly ok: false; readonly reason: string };

export const defaultDeadlineMs = 2_000;

/**
 * One bounded HTTP exchange with a party named in the configuration: one deadline for everything,
 * a limited body, no redirects, no cookies, status 200 only. Never throws. A proxy is used only
 * where the operator makes Node's own `fetch` use one.
 */
export async function fetchDocument<T>(request: DocumentRequest<T>): Promise<Fetched<T>> {
  const problem = refuseUrl(request.url);
  if (problem !== undefined) return failed(problem);
  const deadlineMs = request.deadlineMs ?? defaultDeadlineMs;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), deadlineMs);
  try {
    const { url, purpose, outgoing = plainOutgoing } = request;
    const call = { url, purpose, method: request.form === undefined ? 'GET' : 'POST' };
    return await outgoing(call, (sending) =>
      exchange(request, sending, call.method, deadline.signal),
    );
  } catch (error) {
    return failed(
      deadline.signal.aborted ? `no whole answer within ${deadlineMs} ms` : describe(error),
    );
  } finally {
    clearTimeout(timer);
    // What was not read is not wanted: frees the socket of a refused answer.
    deadline.abort();
  }
}

/** Reads JSON whose top level is an object; undefined for anything else. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

async function exchange<T>(
  request: DocumentRequest<T>,
  sending: Sending,
  method: string,
  signal: AbortSignal,
): Promise<Fetched<T>> {
  const response = await fetch(request.url, {
    method,
    headers: {
      ...sending.headers,
      accept: 'application/json',
      // A hint only: an answer that is compressed all the same is measured after decompression.
      'accept-encoding': 'identity',
      ...(request.authorization === undefined ? {} : { authorization: request.authorization }),
    },
    body: request.form ?? null,
    redirect: 'error',
    signal,
  });
  sending.answered(response.status);
  if (response.status !== 200) return failed(`status ${response.status}`);
  const body = await readBounded(response.body ?? [], request.maxBytes);
  if (body === undefined) return failed(`more than ${request.maxBytes} bytes`);
  const document = request.parse(utf8.decode(body));
  if (document === undefined) return failed('not the JSON that was expected');
  return { ok: true, document, maxAgeSeconds: readMaxAge(response.headers.get('cache-control')) };
}

function readMaxAge(cacheControl: string | null): number | undefined {
  const digits = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(cacheControl ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function failed(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}

/** Refusals of `fetch` itself, which have no code. */
const refusals = new Map<unknown, string>([
  ['unexpected redirect', 'redirects are not followed'],
  ['bad port', 'the Fetch standard blocks this port'],
]);

/** Codes only: a message may quote what was sent. */
function describe(error: unknown): string {
  const cause = isObject(error) && isObject(error['cause']) ? error['cause'] : error;
  if (!isObject(cause)) return 'the exchange failed';
  if (typeof cause['code'] === 'string') return cause['code'];
  return refusals.get(cause['message']) ?? 'the exchange failed';
}
