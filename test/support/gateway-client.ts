import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Seen } from './backend.ts';
import { ecKeys, type Issued, issueCertificate, name } from './certificates.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { basic } from './process.ts';
import { type Answer, send } from './service.ts';

export const alice = basic('alice', 'secret');

/** No signature has these characters by chance, in base64url. */
export const forgedToken = 'evil!';

/** A client of the gateway that writes header lines as they are given. */
export function ask(
  lab: GatewayLab,
  headers: readonly string[] = [],
  { path = '/', method = 'GET', host = 'api.example.com' } = {},
): Promise<Answer> {
  return send({ port: lab.httpPort, path, method, headers: ['Host', host, ...headers] });
}

/** What the backend saw of a request: it answers that. */
export function seenBy({ body }: { readonly body: string }): Seen {
  return JSON.parse(body);
}

/** The lines that some backend takes for `X-Custom-Jwt`. */
export function tokensIn({ headers }: Seen): (readonly [string, string])[] {
  return headers.filter(([header]) => header.replace(/[^a-z]/g, '') === 'xcustomjwt');
}

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

export function askOverTls(
  lab: GatewayLab,
  headers: Readonly<Record<string, string>>,
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

/** Sends bytes as they are. @returns the answer's status, and all that came until the end */
export function sendRaw(
  lab: GatewayLab,
  text: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(lab.httpPort, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket
      .on('close', () =>
        resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]), text: answer }),
      )
      .on('error', reject);
  });
}
