import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import type { Address } from '../config/schema/listen.ts';

export type OpsAddress = Address & { readonly tls?: object | undefined };

const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Reads from the ops listener of a service on this machine.
 *
 * @param patience milliseconds
 * @returns the body, whatever the status
 * @throws what the connection failed with
 */
export function readOps(at: OpsAddress, path: string, patience: number): Promise<string> {
  const { host, port, path: socketPath, tls } = at;
  const where =
    socketPath === undefined ? { host: everywhere[host] ?? host, port } : { socketPath };
  // The certificate names the service for others; here it is found by its address, and told nothing.
  const secure = tls === undefined ? {} : { rejectUnauthorized: false };
  const request = tls === undefined ? httpRequest : httpsRequest;
  const options = { ...where, ...secure, path, agent: false, timeout: patience };
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      text(response).then(resolve, reject);
    });
    sent.on('timeout', () => sent.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
    sent.on('error', reject).end();
  });
}
