import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export interface IdentityProvider {
  readonly issuer: string;
  readonly introspectionEndpoint: string;
  /** Signs claims; those of a usual access token are there already. */
  readonly issue: (claims: JWTPayload) => Promise<string>;
  /** Makes the provider say about this opaque token that it is active. */
  readonly activate: (token: string, claims: JWTPayload) => void;
  /** What it was asked so far, oldest first. */
  readonly calls: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  readonly close: () => Promise<void>;
}

/** A small authorization server: discovery, keys, and introspection for one client. */
export async function startIdentityProvider(client: {
  readonly id: string;
  readonly secret: string;
}): Promise<IdentityProvider> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'idp-1', alg: 'ES256', use: 'sig' };
  const active = new Map<string, JWTPayload>();
  const authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;
  const calls: IdentityProvider['calls'] = [];
  let issuer = '';

  async function answer(request: IncomingMessage): Promise<object | number> {
    switch (`${request.method} ${request.url}`) {
      case 'GET /.well-known/openid-configuration':
        return { issuer, jwks_uri: `${issuer}/keys` };
      case 'GET /keys':
        return { keys: [jwk] };
      case 'POST /introspect': {
        if (request.headers.authorization !== authorization) return 401;
        const claims = active.get((await readForm(request)).get('token') ?? '');
        return claims ? { active: true, ...claims } : { active: false };
      }
      default:
        return 404;
    }
  }

  const server = createServer(async (request, response) => {
    calls.push({ path: request.url ?? '', headers: request.headers });
    const said = await answer(request);
    if (typeof said === 'number') response.statusCode = said;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(typeof said === 'number' ? {} : said));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    introspectionEndpoint: `${issuer}/introspect`,
    issue: (claims) =>
      new SignJWT({ iss: issuer, aud: 'account', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'idp-1', typ: 'JWT' })
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(privateKey),
    calls,
    activate: (token, claims) => void active.set(token, claims),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
