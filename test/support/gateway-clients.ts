import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { ecKeys, type Issued, issueCertificate, name } from './certificates.ts';
import type { GatewayLab } from './gateway-lab.ts';

/** A certificate that the gateway and Countersign trust. */
export function issueClient(lab: GatewayLab, commonName: string): Issued {
  return issueCertificate(
    {
      subject: name({ O: 'Acme, Inc.', CN: commonName }),
      keys: ecKeys(),
      signature: 'ecdsa-sha256',
    },
    lab.clientAuthority,
  );
}

/** Asks over TLS, with a client certificate or without. */
export function askOverTls(
  lab: GatewayLab,
  headers: Record<string, string>,
  client?: Issued,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = httpsRequest(
      {
        host: '127.0.0.1',
        port: lab.httpsPort,
        path: '/',
        agent: false,
        headers: { Host: 'api.example.com', ...headers },
        ca: lab.server.pem,
        checkServerIdentity: () => undefined,
        ...(client && {
          cert: client.pem,
          key: client.privateKey.export({ type: 'pkcs8', format: 'pem' }),
        }),
      },
      (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    call.on('error', reject);
    call.end();
  });
}

/** Sends bytes as they are. @returns all that came back until the gateway closed */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}
