import { readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';

export interface ListenSettings {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** A unix socket. */
  readonly path?: string | undefined;
  readonly tls?:
    | {
        readonly cert_file: string;
        readonly key_file: string;
        readonly client_ca_file?: string | undefined;
      }
    | undefined;
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
  const { cert_file, key_file, client_ca_file } = tls;
  const certificates = { cert: readFileSync(cert_file), key: readFileSync(key_file) };
  const callers =
    client_ca_file === undefined
      ? {}
      : { ca: readFileSync(client_ca_file), requestCert: true, rejectUnauthorized: true };
  return createTlsServer({ ...options, ...certificates, ...callers }, handler);
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
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
  if (!alive) rmSync(path, { force: true });
}
