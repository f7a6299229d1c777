import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { createTestApp, issuer } from '../support/public-app.ts';

const { app } = createTestApp();
const { app: withPath } = createTestApp({ issuer: 'https://gw.example.com/x' });

const authMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'Ed25519', 'EdDSA'],
];

describe('RFC 8414: authorization server metadata', () => {
  it('§2: says what there is, and nothing that there is not', async () => {
    const { body } = await request(app).get('/.well-known/oauth-authorization-server');
    expect(body).toEqual({
      issuer,
      jwks_uri: `${issuer}/jwks`,
      introspection_endpoint: `${issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: authMethods,
      introspection_endpoint_auth_signing_alg_values_supported: algorithms,
      introspection_signing_alg_values_supported: ['ES256'],
      revocation_endpoint: `${issuer}/revoke`,
      revocation_endpoint_auth_methods_supported: authMethods,
      revocation_endpoint_auth_signing_alg_values_supported: algorithms,
      response_types_supported: [],
    });
  });

  it('§2: what it names answers', async () => {
    const { body } = await request(app).get('/.well-known/oauth-authorization-server');
    const pathOf = (url: string) => new URL(url).pathname;
    expect((await request(app).get(pathOf(body.jwks_uri))).status).toBe(200);
    expect((await request(app).post(pathOf(body.introspection_endpoint))).status).toBe(400);
    expect((await request(app).post(pathOf(body.revocation_endpoint))).status).toBe(400);
  });

  it('§3.1: an issuer’s path comes behind the well-known one', async () => {
    const { body } = await request(withPath).get('/.well-known/oauth-authorization-server/x');
    expect(body.issuer).toBe('https://gw.example.com/x');
  });

  it('§3.2: is application/json', async () => {
    const { headers } = await request(app).get('/.well-known/oauth-authorization-server');
    expect(headers['content-type']).toBe('application/json');
  });

  it('§5: readers of OpenID configuration find the same', async () => {
    const oauth = await request(app).get('/.well-known/oauth-authorization-server');
    const openid = await request(app).get('/.well-known/openid-configuration');
    expect(openid.text).toBe(oauth.text);
  });
});
