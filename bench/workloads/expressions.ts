import { askWithBearer } from '../asking.ts';
import { withoutReuse, withToken } from '../configuration.ts';
import { bearerTokens } from '../identity-provider.ts';
import type { Workload } from '../workload.ts';

const claims = {
  tenant: 'claims.tenant',
  roles: 'claims.realm_access.roles',
  is_internal: 'claims.tenant == "acme" && claims.email_verified',
  name: 'claims.preferred_username + "@" + claims.tenant',
  may_order: '"orders" in claims.scope.split(" ")',
};

const requestClaims = {
  tenant: 'request.headers["x-tenant"]',
  method: 'request.method',
  host: 'request.host',
  path: 'request.path',
};

export const expressions: readonly Workload[] = [
  {
    name: 'cel',
    title: 'The same bearer token, 5 claims by CEL',
    service: { configuration: withToken({ claims }) },
    asked: askWithBearer(() => bearerTokens(1)),
    floor: { kind: 'answer' },
    bounds: [],
    quick: false,
  },
  {
    name: 'cel-fresh',
    title: 'A fresh ES256 token each time, 5 claims by CEL',
    service: {
      configuration: {
        token: { ...withoutReuse.token, claims },
        keys: { algorithm: 'ES256', directory: 'keys' },
      },
    },
    asked: askWithBearer(() => bearerTokens(2000)),
    floor: { kind: 'crypto', sign: 'ES256', tokenIn: 'header' },
    bounds: [],
    quick: false,
  },
  {
    name: 'cel-request',
    title: 'The same bearer token, 4 claims that read `request.*`',
    service: { configuration: withToken({ claims: requestClaims }) },
    asked: askWithBearer(() => bearerTokens(1)),
    floor: { kind: 'answer' },
    bounds: [],
    quick: false,
  },
];
