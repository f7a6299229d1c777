import type { ClientRequest } from '../../src/gateways/present.ts';

/** A request as its client sends it, with nothing in it that could identify anybody. */
export function clientRequest(more: Partial<ClientRequest> = {}): ClientRequest {
  return {
    ...{ method: 'GET', scheme: 'https', host: 'api.example.com', target: '/orders?id=1' },
    ...{ headers: [], certificate: [], consumer: [], upstreamUrl: undefined },
    ...{ verified: undefined, secret: undefined },
    ...more,
  };
}
