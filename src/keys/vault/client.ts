import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isObject } from '../../issuers/fetch-document.ts';
import { type Outgoing, plainOutgoing, type Sending } from '../../issuers/outgoing.ts';
import { readBounded } from '../../issuers/read-bounded.ts';
import { refuseUrl } from '../../issuers/trusted-url.ts';
import { KeyError } from '../key-error.ts';
import type { VaultTransitSettings } from './settings.ts';
import type { VaultToken } from './token.ts';

export interface VaultCall {
  /** Below `/v1/`. */
  readonly path: string;
  /** Sent as JSON by POST; without it the request is a GET. */
  readonly body?: object;
}

export type VaultAnswer =
  | { readonly ok: true; readonly data: Readonly<Record<string, unknown>> }
  /** `reason` is for the log: it holds nothing of what was sent or received. */
  | { readonly ok: false; readonly reason: string; readonly status: number | undefined };

export interface VaultClient {
  /** Never throws. */
  ask(call: VaultCall): Promise<VaultAnswer>;
  close(): void;
}

interface Exchange {
  readonly url: string;
  readonly method: string;
  /** JSON. */
  readonly sent: string | undefined;
  readonly signal: AbortSignal;
}

const deadlineMs = 2_000;
const maxBytes = 1024 * 1024;
const maxSockets = 16;

/**
 * A client of Vault's HTTP API: https only (http on loopback), connections that stay open, no
 * redirects, a bounded answer, and one deadline for the call and the one repetition that a broken
 * connection, an error of the server's or a replaced token may get.
 *
 * @throws KeyError when the address or the CA file cannot be used
 */
export function createVaultClient(
  settings: Pick<VaultTransitSettings, 'address' | 'namespace' | 'caFile'>,
  token: VaultToken,
  outgoing: Outgoing = plainOutgoing,
): VaultClient {
  const problem = refuseUrl(settings.address);
  if (problem !== undefined) throw new KeyError(`${settings.address}: ${problem}`);
  const base = settings.address.replace(/\/+$/, '');
  const isHttps = base.startsWith('https:');
  const shared = { keepAlive: true, maxSockets };
  const agent = isHttps
    ? new HttpsAgent({ ...shared, ...readCa(settings.caFile) })
    : new HttpAgent(shared);
  const send = isHttps ? httpsRequest : httpRequest;

  function attempt({ path, body }: VaultCall, signal: AbortSignal): Promise<VaultAnswer> {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const method = body === undefined ? 'GET' : 'POST';
    const url = `${base}/v1/${path}`;
    return outgoing({ purpose: 'vault', method, url }, (sending) =>
      exchange({ url, method, sent, signal }, sending),
    );
  }

  async function exchange(
    { url, method, sent, signal }: Exchange,
    sending: Sending,
  ): Promise<VaultAnswer> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        ...{ agent, signal, method },
        headers: { ...sending.headers, ...headersOf(settings.namespace, token.current(), sent) },
      };
      send(url, options, resolve).on('error', reject).end(sent);
    });
    const status = response.statusCode ?? 0;
    sending.answered(status);
    const text = (await readBounded(response, maxBytes))?.toString('utf8');
    if (status !== 200) return { ok: false, status, reason: describeStatus(status) };
    const data = text === undefined ? undefined : readData(text);
    return data ? { ok: true, data } : { ok: false, status, reason: 'not an answer of Vault' };
  }

  async function mayRepeat({ status }: { readonly status: number | undefined }): Promise<boolean> {
    if (status === 403) return token.refresh();
    return status === undefined || status >= 500;
  }

  return {
    async ask(call) {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), deadlineMs);
      const { signal } = deadline;
      const safely = () => attempt(call, signal).catch((error) => describeFailure(error, signal));
      try {
        const first = await safely();
        if (first.ok || signal.aborted || !(await mayRepeat(first))) return first;
        return await safely();
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => agent.destroy(),
  };
}

function readCa(file: string | undefined): { readonly ca?: Buffer } {
  if (file === undefined) return {};
  try {
    return { ca: readFileSync(file) };
  } catch (error) {
    throw new KeyError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function headersOf(
  namespace: string | undefined,
  token: string | undefined,
  body: string | undefined,
) {
  return {
    // An agent may demand it: a browser that was tricked into a request cannot set it.
    'X-Vault-Request': 'true',
    Accept: 'application/json',
    ...(token !== undefined && { 'X-Vault-Token': token }),
    ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }),
    ...(body !== undefined && {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    }),
  };
}

function readData(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const { data } = JSON.parse(text) as { data?: unknown };
    return isObject(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

const meanings = new Map([
  [307, ': redirects are not followed'],
  [400, ': the key cannot do this'],
  [403, ': the token or its policy does not allow this'],
  [404, ': there is no such key or mount'],
  [503, ': sealed, or not ready'],
]);

function describeStatus(status: number): string {
  return `status ${status}${meanings.get(status) ?? ''}`;
}

/** Codes only: a message may quote what was sent. */
function describeFailure(error: unknown, signal: AbortSignal): VaultAnswer {
  const code = String((error as NodeJS.ErrnoException | null)?.code ?? 'the exchange failed');
  const reason = signal.aborted ? `no whole answer within ${deadlineMs} ms` : code;
  return { ok: false, status: undefined, reason };
}
