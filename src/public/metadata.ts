import { type CacheableDocument, createCacheableDocument, sendCacheable } from './cacheable.ts';
import { assertionAlgorithms } from './client-assertion.ts';
import type { Endpoint } from './endpoint.ts';
import { urlUnder } from './issuer-urls.ts';

/**
 * What this service is as an authorization server (RFC 8414 §2); URLs are built on the issuer.
 *
 * @param signingAlgorithm of introspection answers (RFC 9701 §7); undefined where none is signed. It
 *   may change with the keys.
 */
export function createMetadataEndpoint(
  issuer: string,
  signingAlgorithm: () => string | undefined,
): Endpoint {
  const documents = new Map<string | undefined, CacheableDocument>();

  function current(): CacheableDocument {
    const algorithm = signingAlgorithm();
    const made =
      documents.get(algorithm) ??
      createCacheableDocument('application/json', describe(issuer, algorithm));
    documents.set(algorithm, made);
    return made;
  }

  return {
    name: 'metadata',
    crossOrigin: true,
    get: (req, res) => sendCacheable(req, res, current()),
  };
}

const authMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];

function describe(issuer: string, signingAlgorithm: string | undefined): object {
  return {
    issuer,
    jwks_uri: urlUnder(issuer, '/jwks'),
    introspection_endpoint: urlUnder(issuer, '/introspect'),
    introspection_endpoint_auth_methods_supported: authMethods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    ...(signingAlgorithm !== undefined && {
      introspection_signing_alg_values_supported: [signingAlgorithm],
    }),
    revocation_endpoint: urlUnder(issuer, '/revoke'),
    revocation_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    // Required, and there is no authorization endpoint to respond to.
    response_types_supported: [],
  };
}
