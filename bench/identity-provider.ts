import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Whose bearer tokens the measured service believes. */
export const idp = 'https://idp.example.com/realms/acme';

const kid = 'bench';
let keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;

function keyPair() {
  keys ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  return keys;
}

export function publicJwk(): object {
  return keyPair().publicKey.export({ format: 'jwk' });
}

export function jwks(): string {
  return JSON.stringify({ keys: [{ ...publicJwk(), kid, alg: 'RS256', use: 'sig' }] });
}

/** Access tokens of 1 KB with RS256, as Keycloak makes them; each for a client of its own. */
export function bearerTokens(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => bearerToken(index));
}

/** Their signatures have the right form, and are wrong. */
export function forgedTokens(count: number): readonly string[] {
  return bearerTokens(count).map((token) => {
    const dot = token.lastIndexOf('.');
    const other = token[dot + 9] === 'A' ? 'B' : 'A';
    return `${token.slice(0, dot + 9)}${other}${token.slice(dot + 10)}`;
  });
}

function bearerToken(index: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    exp: now + 86_400,
    iat: now,
    jti: `b1946ac9-2f0e-4c51-9d3a-${String(index).padStart(12, '0')}`,
    iss: idp,
    aud: ['account', 'orders'],
    sub: `f:5f4dcc3b-5aa7-65d6-1d83-27deb882cf99:${index}`,
    typ: 'Bearer',
    azp: `client-${index}`,
    clientId: `client-${index}`,
    acr: '1',
    realm_access: { roles: ['offline_access', 'uma_authorization', 'default-roles-acme'] },
    resource_access: { account: { roles: ['manage-account', 'view-profile'] } },
    scope: 'openid email profile orders',
    clientHost: '10.1.2.3',
    email_verified: true,
    preferred_username: `service-account-client-${index}`,
    tenant: 'acme',
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: 'RS256', typ: 'JWT', kid })}.${part(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), keyPair().privateKey).toString('base64url')}`;
}
