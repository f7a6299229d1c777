import { createLocalJWKSet, jwtVerify } from 'jose';
import { call, type Serving } from './process.ts';

/** A backend that believes `Cache-Control` to the last millisecond, and never asks for a key anew. */
export interface StrictVerifier {
  /** @throws what verifying fails with */
  verify(token: string): Promise<void>;
}

/** @param pick where a router would send a request for the JWKS */
export function createStrictVerifier(pick: () => Serving): StrictVerifier {
  let cached:
    | { readonly keys: ReturnType<typeof createLocalJWKSet>; readonly until: number }
    | undefined;
  let text = '';

  async function keys() {
    if (cached !== undefined && performance.now() < cached.until) return cached.keys;
    const { body, headers } = await call({ port: pick().ports.public, path: '/jwks' });
    const [, maxAge = '0'] = /max-age=(\d+)/.exec(headers['cache-control'] ?? '') ?? [];
    text = body;
    // It counts from when the answer came, which is as long as a cache may keep it.
    cached = {
      keys: createLocalJWKSet(JSON.parse(body)),
      until: performance.now() + Number(maxAge) * 1000,
    };
    return cached.keys;
  }

  return {
    async verify(token) {
      // As a backend does, with what it has when the token comes.
      const set = await keys();
      await jwtVerify(token, set, { issuer: 'https://countersign.example.com' }).catch(
        (error: Error) => {
          throw new Error(`${error.message}: ${token.split('.')[0]} with ${text}`);
        },
      );
    },
  };
}
