import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

/** What a backend saw of a request, and made of its token. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  /** Names in lower case and values, in turn, as they came. */
  readonly headers: readonly (readonly [string, string])[];
  readonly trailers: readonly string[];
  readonly bodyBytes: number;
  readonly bodySha256: string;
  /** The claims, when the token in `X-Custom-Jwt` verifies through the JWKS. */
  readonly claims: { readonly [name: string]: unknown } | undefined;
}

export interface Backend {
  readonly server: Server;
  /** Every request that got here. */
  readonly seen: readonly Seen[];
}

/** A backend as its author would write it: verifies the token with jose, answers what it saw. */
export function createBackend({ jwksUrl, issuer }: { jwksUrl: string; issuer: string }): Backend {
  const keys = createRemoteJWKSet(new URL(jwksUrl));
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const token = request.headers['x-custom-jwt'];
    const verified = await jwtVerify(String(token), keys, { issuer }).catch(() => undefined);
    const entry: Seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: headerLines(request),
      trailers: request.rawTrailers,
      bodyBytes: body.length,
      bodySha256: createHash('sha256').update(body).digest('hex'),
      claims: verified?.payload,
    };
    seen.push(entry);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(entry));
  });
  return { server, seen };
}

function headerLines({ rawHeaders }: IncomingMessage): [string, string][] {
  const lines: [string, string][] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    lines.push([(rawHeaders[at] ?? '').toLowerCase(), rawHeaders[at + 1] ?? '']);
  }
  return lines;
}
