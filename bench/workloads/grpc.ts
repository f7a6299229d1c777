import { checkRequest } from '../../src/gateways/grpc/messages.ts';
import { bearerTokens } from '../identity-provider.ts';
import type { Workload } from '../workload.ts';

/** As Envoy asks, with `encode_raw_headers`. */
function message(): Buffer {
  const headers = Object.entries({
    ':method': 'GET',
    ':scheme': 'https',
    ':authority': 'orders.example.com',
    ':path': '/orders/4711?view=full',
    authorization: `Bearer ${bearerTokens(1)[0]}`,
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0',
    accept: 'application/json',
    'accept-encoding': 'gzip, deflate, br',
    'x-tenant': 'acme',
    'x-request-id': '5b1f6f3e-8a36-4b0c-9a53-0a7d4e7f3a11',
  }).map(([key, value]) => ({ key, value: Buffer.alloc(0), rawValue: Buffer.from(value) }));
  const http = {
    method: 'GET',
    path: Buffer.from('/orders/4711?view=full'),
    host: 'orders.example.com',
    scheme: 'https',
    headers: [],
    headerMap: { headers },
  };
  return checkRequest.encode({ attributes: { request: { http } } });
}

export const grpc: readonly Workload[] = [
  {
    name: 'grpc',
    title: 'The same bearer token over gRPC',
    service: { configuration: { gateways: { envoy_grpc: {} } } },
    asked: { over: 'grpc', message },
    floor: { kind: 'answer' },
    bounds: [{ kind: 'ratio', max: 1.3 }],
    quick: true,
  },
];
