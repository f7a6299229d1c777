import express, { type Express } from 'express';
import helmet from 'helmet';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Revocations } from '../state/revocations.ts';
import { createIntrospectionSigner } from '../tokens/introspection-jwt.ts';
import { refuseRevoked } from '../tokens/refuse-revoked.ts';
import type { VerifyToken } from '../tokens/verify.ts';
import { createBearerCheck } from './check-bearer.ts';
import {
  type Client,
  type ClientAuthenticatorDeps,
  createClientAuthenticator,
} from './client-authentication.ts';
import type { PublicCounts } from './counts.ts';
import { type Endpoint, serveEndpoints } from './endpoint.ts';
import { createIntrospection } from './introspect.ts';
import { pathsOf, wellKnownPathsOf } from './issuer-urls.ts';
import { createJwksEndpoint } from './jwks.ts';
import type { PublicLog } from './log.ts';
import { createMetadataEndpoint } from './metadata.ts';
import { answerErrors } from './problem.ts';
import { createRevocation } from './revoke.ts';

export interface PublicAppDeps {
  /** A URL; its path, if it has one, is where the public paths are served too. */
  readonly issuer: string;
  readonly keyRing: KeyRing;
  /** Milliseconds that verifiers may keep the JWKS. */
  readonly jwksMaxAge: number;
  readonly clients: readonly Client[];
  /** Does not know what was revoked. */
  readonly verify: VerifyToken;
  readonly revocations: Pick<Revocations, 'isRevoked' | 'revoke'>;
  /** Seconds that a rule is kept. */
  readonly ruleLife: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly verifyPassword: ClientAuthenticatorDeps['verifyPassword'];
  readonly seenAssertions: ClientAuthenticatorDeps['seenAssertions'];
  /** More paths for the JWKS. */
  readonly jwksPaths: readonly string[];
  readonly log: PublicLog;
  readonly counts: PublicCounts;
}

/** The public listener: JWKS, metadata, introspection and revocation. */
export function createPublicApp(deps: PublicAppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
      },
      // The name may be shared with other services; this one cannot promise TLS for all of them.
      strictTransportSecurity: false,
    }),
  );
  app.use(serveEndpoints(createEndpoints(deps), deps.counts));
  app.use(answerErrors(deps.log));
  return app;
}

function createEndpoints(deps: PublicAppDeps): ReadonlyMap<string, Endpoint> {
  const { issuer, keyRing, revocations, log, now, counts } = deps;
  const verify = refuseRevoked(deps.verify, revocations);
  const jwks = createJwksEndpoint(() => keyRing.publicKeys, deps.jwksMaxAge);
  const signer = () => keyRing.signer;
  const sign = createIntrospectionSigner({ issuer, signer, now });
  // An HMAC key is nobody's but ours: what it signs no client could verify.
  const signingAlgorithm = () => (signer().alg.startsWith('HS') ? undefined : signer().alg);
  const metadata = createMetadataEndpoint(issuer, signingAlgorithm);
  const authenticate = createClientAuthenticator(deps);
  const introspection: Endpoint = {
    name: 'introspect',
    crossOrigin: false,
    get: createBearerCheck(verify),
    post: createIntrospection({ authenticate, verify, sign, signingAlgorithm, log, counts }),
  };
  const revocation: Endpoint = {
    name: 'revoke',
    crossOrigin: false,
    post: createRevocation({ ...deps, authenticate, verify }),
  };
  const at = (paths: readonly string[], endpoint: Endpoint) =>
    paths.map((path): [string, Endpoint] => [path, endpoint]);
  // Later entries win, so that an extra path cannot hide an endpoint.
  return new Map([
    ...deps.jwksPaths.flatMap((path) => at(pathsOf(issuer, path), jwks)),
    ...at(pathsOf(issuer, '/jwks'), jwks),
    ...at(pathsOf(issuer, '/.well-known/jwks.json'), jwks),
    ...at(wellKnownPathsOf(issuer, '/.well-known/oauth-authorization-server'), metadata),
    ...at(wellKnownPathsOf(issuer, '/.well-known/openid-configuration'), metadata),
    ...at(pathsOf(issuer, '/introspect'), introspection),
    ...at(pathsOf(issuer, '/revoke'), revocation),
  ]);
}
