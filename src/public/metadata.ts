import { createCacheableDocument, sendCacheable } from './cacheable.ts';
import type { Endpoint } from './endpoint.ts';
import { urlUnder } from './issuer-urls.ts';

/** What this service is as an authorization server (RFC 8414 §2); URLs are built on the issuer. */
export function createMetadataEndpoint(issuer: string): Endpoint {
  const document = createCacheableDocument('application/json', {
    issuer,
    jwks_uri: urlUnder(issuer, '/jwks'),
    introspection_endpoint: urlUnder(issuer, '/introspect'),
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    // Required, and there is no authorization endpoint to respond to.
    response_types_supported: [],
  });
  return { crossOrigin: true, get: (req, res) => sendCacheable(req, res, document) };
}
