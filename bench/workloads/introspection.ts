import { createHash } from 'node:crypto';
import { askOnce, firstOf } from '../ask-once.ts';
import { askWithBearer } from '../asking.ts';
import { bearerTokens } from '../identity-provider.ts';
import { revokeTokens } from '../revoked-tokens.ts';
import type { AskedOverHttp, RequestSource, Requests, Service, Workload } from '../workload.ts';

const secret = 'a secret of the benchmark';
const client = {
  id: 'orders',
  secret_sha256: createHash('sha256').update(secret).digest('hex'),
  may: ['introspect'],
  audiences: ['https://orders.internal'],
  rate_limit: '999999999/s',
};
const service: Service = { configuration: { clients: [client] } };

/** Asks about a token that the service has just made. */
async function requests({ url }: RequestSource): Promise<Requests> {
  const asked = await askWithBearer(() => bearerTokens(1)).requests({ url });
  const { headers } = await askOnce(Number(new URL(url('auth')).port), firstOf(asked));
  const body = `token=${headers[headers.indexOf('X-Custom-Jwt') + 1]}`;
  const lines = [
    'POST /introspect HTTP/1.1',
    'Host: 127.0.0.1',
    `Authorization: Basic ${Buffer.from(`${client.id}:${encodeURIComponent(secret)}`).toString('base64')}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
  ];
  return { template: [...lines, '', body].join('\r\n'), values: [] };
}

const asked: AskedOverHttp = { over: 'http', listener: 'public', status: 200, requests };

const revoked = 1_000_000;

export const introspection: readonly Workload[] = [
  {
    name: 'introspect',
    title: '`POST /introspect` of one token',
    service,
    asked,
    floor: { kind: 'crypto', tokenIn: 'body' },
    bounds: [],
    quick: false,
  },
  {
    name: 'revocations',
    title: 'The same with a million revoked tokens; floor: none is revoked',
    service: { ...service, prepare: (directory) => revokeTokens(directory, revoked) },
    asked,
    floor: { kind: 'service', service },
    bounds: [{ kind: 'growth', percent: 10, micros: 2 }],
    quick: false,
  },
];
