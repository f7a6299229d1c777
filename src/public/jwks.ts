import type { JWK } from 'jose';
import { type CacheableDocument, createCacheableDocument, sendCacheable } from './cacheable.ts';
import type { Endpoint } from './endpoint.ts';

const types = ['application/json', 'application/jwk-set+json'];

/**
 * `GET /jwks`: the public keys (RFC 7517 §5), as plain JSON unless the client asks for its type.
 *
 * @param publicKeys another array whenever they have changed
 * @param maxAge milliseconds that verifiers may keep them
 */
export function createJwksEndpoint(publicKeys: () => readonly JWK[], maxAge: number): Endpoint {
  let written: readonly JWK[] | undefined;
  let documents: ReadonlyMap<string, CacheableDocument> = new Map();

  function current(): ReadonlyMap<string, CacheableDocument> {
    const keys = publicKeys();
    if (keys !== written) {
      documents = new Map(types.map((type) => [type, createCacheableDocument(type, { keys })]));
      written = keys;
    }
    return documents;
  }

  return {
    name: 'jwks',
    crossOrigin: true,
    get(req, res) {
      res.setHeader('Vary', 'Accept');
      const document = current().get(req.accepts(types) || 'application/json');
      if (document !== undefined) sendCacheable(req, res, document, maxAge);
    },
  };
}
