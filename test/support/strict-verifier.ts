import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { call, type Serving } from './process.ts';

/** A backend that believes `Cache-Control` to the last millisecond, and never asks for a key anew. */
export interface StrictVerifier {
  /**
   * @param at when the token came; it is good at that time, however slow this machine is
   * @throws what verifying fails with, and the keys that it had
   */
  verify(token: string, at: Date): Promise<void>;
}

/** @param pick where a router would send a request for the JWKS */
export function createStrictVerifier(pick: () => Serving): StrictVerifier {
  let cached: { readonly jwks: JSONWebKeySet; readonly until: number } | undefined;

  async function keys(): Promise<JSONWebKeySet> {
    if (cached !== undefined && performance.now() < cached.until) return cached.jwks;
    const { body, headers } = await call({ port: pick().ports.public, path: '/jwks' });
    const [, maxAge = '0'] = /max-age=(\d+)/.exec(headers['cache-control'] ?? '') ?? [];
    // It counts from when the answer came, which is as long as a cache may keep it.
    cached = { jwks: JSON.parse(body), until: performance.now() + Number(maxAge) * 1000 };
    return cached.jwks;
  }

  return {
    async verify(token, currentDate) {
      // As a backend does, with what it has when the token comes.
      const jwks = await keys();
      const issuer = 'https://countersign.example.com';
      await jwtVerify(token, createLocalJWKSet(jwks), { issuer, currentDate }).catch(
        (error: Error) => {
          const { kid } = decodeProtectedHeader(token);
          const known = jwks.keys.map((key) => key.kid?.slice(0, 6)).join(' ');
          throw new Error(`${error.message}: ${kid?.slice(0, 6)} with ${known}`);
        },
      );
    },
  };
}
