import type { JWK } from 'jose';
import { createCacheableDocument, sendCacheable } from './cacheable.ts';
import type { Endpoint } from './endpoint.ts';

/** `GET /jwks`: the public keys (RFC 7517 §5), as plain JSON unless the client asks for its type. */
export function createJwksEndpoint(publicKeys: readonly JWK[]): Endpoint {
  const types = ['application/json', 'application/jwk-set+json'];
  const documents = new Map(
    types.map((type) => [type, createCacheableDocument(type, { keys: publicKeys })]),
  );
  return {
    crossOrigin: true,
    get(req, res) {
      res.setHeader('Vary', 'Accept');
      const document = documents.get(req.accepts(types) || 'application/json');
      if (document !== undefined) sendCacheable(req, res, document);
    },
  };
}
