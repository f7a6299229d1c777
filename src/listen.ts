import { rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { connect } from 'node:net';
import { readTls, type TlsFiles, type TlsSettings } from './listen-tls.ts';

export interface ListenSettings {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** A unix socket. */
  readonly path?: string | undefined;
  readonly tls?: TlsSettings | undefined;
}

/** For strangers: what is slow or idle is let go. */
const options: ServerOptions = {
  maxHeaderSize: 64 * 1024,
  keepAliveTimeout: 75_000,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  // nginx may send none for an HTTP/1.0 request that had none; what needs it asks for it.
  requireHostHeader: false,
};

/** @throws when a TLS file cannot be read or used */
export function createListener(handler: RequestListener, { tls }: ListenSettings): Server {
  if (tls === undefined) return createServer(options, handler);
  const files = readTls(tls);
  const callers = files.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  return createTlsServer({ ...options, ...files, ...callers }, handler);
}

/** Connections made from now on get the new certificate; those that are open go on as they are. */
export function renewTls(server: Server, files: TlsFiles): void {
  if (server instanceof TlsServer) server.setSecureContext(files);
}

/**
 * The same for gateways.
 *
 * @throws when a TLS file cannot be read or used
 */
export function createGatewayListener(handler: RequestListener, settings: ListenSettings): Server {
  const server = createListener(handler, settings);
  // Longer than any gateway keeps a connection that it does not use (Envoy: an hour): one that we
  // close first can cost a request.
  server.keepAliveTimeout = 65 * 60_000;
  // Node would drop more headers than that in silence; the handler counts them and says so.
  server.maxHeadersCount = 0;
  // `Expect` is the client's word to the gateway, and asks nothing of a call without a body.
  server.on('checkContinue', handler);
  server.on('checkExpectation', handler);
  return server;
}

/** @throws what listening fails with, such as an address in use */
export async function open(server: Server, { host, port, path }: ListenSettings): Promise<void> {
  if (path !== undefined) await removeStaleSocket(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path === undefined ? { host, port } : { path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Closes within `patience` milliseconds: requests in flight may end, idle connections go at once. */
export async function close(server: Server, patience: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), patience);
  await closed;
  clearTimeout(timer);
}

/** A process that was killed leaves its socket behind; one that is alive still answers on it. */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!(await isAnswering(path))) rmSync(path, { force: true });
}

/** @returns whether somebody listens on a unix socket */
export function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}
