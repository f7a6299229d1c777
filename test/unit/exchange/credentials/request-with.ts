import type { OriginalRequest } from '../../../../src/exchange/types.ts';

export interface RequestParts extends Partial<Omit<OriginalRequest, 'headers'>> {
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request with the given parts, and nothing else that could identify anybody. */
export function requestWith({ headers = {}, ...parts }: RequestParts): OriginalRequest {
  return {
    gateway: 'traefik',
    method: 'GET',
    scheme: 'https',
    host: 'api.example.com',
    path: '/',
    query: '',
    headers: { get: (name) => headers[name], all: () => headers },
    certificate: undefined,
    decodeCertificate: () => undefined,
    consumer: undefined,
    consumerRequired: false,
    upstreamUrl: undefined,
    statedCredential: undefined,
    ...parts,
  };
}
