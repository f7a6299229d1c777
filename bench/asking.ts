import type { AskedOverHttp } from './workload.ts';

/** As nginx asks for an `auth_request`, with whatever else its client sent. */
const asNginx = [
  'GET /auth/nginx HTTP/1.1',
  'Host: 127.0.0.1',
  'X-Original-Method: GET',
  'X-Original-URL: https://orders.example.com/orders/4711?view=full',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0',
  'Accept: application/json',
  'Accept-Encoding: gzip, deflate, br',
  'X-Tenant: acme',
];

export interface Asking {
  /** One request for each, in turn; `{}` in the header line is where they go. */
  readonly values?: () => readonly string[];
  /** Header lines beside those that nginx always sends. */
  readonly lines?: readonly string[];
  readonly status?: number;
}

/** Calls of nginx, each with a credential. */
export function askAsNginx({ values = () => [], lines = [], status = 200 }: Asking): AskedOverHttp {
  return {
    over: 'http',
    listener: 'auth',
    status,
    requests: () => ({
      template: [...asNginx, ...lines, '', ''].join('\r\n'),
      values: values(),
    }),
  };
}

/** Calls of nginx with bearer tokens. */
export function askWithBearer(values: () => readonly string[], status = 200): AskedOverHttp {
  return askAsNginx({ values, lines: ['Authorization: Bearer {}'], status });
}
