import { generateKeyPairSync, KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An identity provider on a loopback port, whose answers a test sets path by path. */
export async function startProvider() {
  const routes = new Map<string, Answer>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const answer = routes.get(path) ?? answerStatus(404);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    origin,
    /** The paths that were asked for since the last reset. */
    requests,
    set: (path: string, answer: Answer) => void routes.set(path, answer),
    reset() {
      routes.clear();
      requests.length = 0;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export function answerJson(value: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  };
}

export function answerText(
  text: string | Uint8Array,
  headers: Record<string, string> = {},
): Answer {
  return (_request, response) => {
    response.writeHead(200, headers);
    response.end(text);
  };
}

export function answerStatus(status: number, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end('{}');
  };
}

export const hang: Answer = () => {};
export const reset: Answer = (request) => void request.socket.destroy();

/** @returns an answer that waits, and the function that lets it go */
export function answerLater(answer: Answer): { answer: Answer; release: () => void } {
  const waiting: (() => void)[] = [];
  return {
    answer: (request, response) => void waiting.push(() => answer(request, response)),
    release: () => {
      for (const go of waiting) go();
    },
  };
}

/** @returns a public P-256 JWK */
export function makeJwk(members: Record<string, unknown> = {}): Record<string, unknown> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...publicKey.export({ format: 'jwk' }), ...members };
}

/** The `x` or `n` of a key: what tells two keys apart. */
export function identify(key: unknown): unknown {
  if (!(key instanceof KeyObject)) return key;
  const jwk = key.export({ format: 'jwk' });
  return jwk.x ?? jwk.n;
}

/** A log that keeps what it is told. */
export function createTestLog() {
  const lines: string[] = [];
  return {
    lines,
    info: (fields: object, message: string) =>
      void lines.push(`info ${message} ${JSON.stringify(fields)}`),
    warn: (fields: object, message: string) =>
      void lines.push(`warn ${message} ${JSON.stringify(fields)}`),
  };
}

/** A clock in milliseconds that a test moves. */
export function createTestClock(start = 1_800_000_000_000) {
  let time = start;
  return {
    now: () => time,
    advance(ms: number) {
      time += ms;
    },
  };
}

/** Timers that fire when a test says so. */
export function createTestTimers() {
  const pending: { readonly ms: number; readonly run: () => void }[] = [];
  return {
    pending,
    after(ms: number, run: () => void) {
      const timer = { ms, run };
      pending.push(timer);
      return () => {
        const place = pending.indexOf(timer);
        if (place >= 0) pending.splice(place, 1);
      };
    },
    /** Fires the only timer there is. */
    fire() {
      const [timer, ...others] = pending.splice(0);
      if (timer === undefined || others.length > 0) throw new Error('expected exactly one timer');
      timer.run();
    },
  };
}
