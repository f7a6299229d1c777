import { Client, credentials, Metadata } from '@grpc/grpc-js';
import {
  type CheckResponse,
  checkRequest,
  checkResponse,
} from '../../src/gateways/grpc/messages.ts';
import { basic } from './process.ts';

const clients: Client[] = [];

/** For `afterEach`. */
export function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}

/** @returns what asks, as Envoy does over gRPC, for a request with a user's name and password */
export function checkAt(port: number, user = 'bob'): () => Promise<CheckResponse> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  clients.push(client);
  const header = { value: Buffer.from(basic(user, 'x')), rawValue: Buffer.alloc(0) };
  const http = { method: 'GET', path: Buffer.from('/'), host: 'api.example.com', scheme: 'https' };
  const headers = [{ key: 'authorization', ...header }];
  const bytes = checkRequest.encode({ attributes: { request: { http: { ...http, headers } } } });
  return () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest<Buffer, CheckResponse>(
        '/envoy.service.auth.v3.Authorization/Check',
        (plain) => plain,
        checkResponse.decode,
        bytes,
        new Metadata(),
        (error, answer) => (error ? reject(error) : resolve(answer as CheckResponse)),
      );
    });
}
