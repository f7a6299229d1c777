import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { discoverJwksUri } from '../../../src/issuers/discovery.ts';
import { answerJson, answerStatus, startProvider } from './provider.ts';

let provider: Awaited<ReturnType<typeof startProvider>>;
let issuer: string;
beforeAll(async () => {
  provider = await startProvider();
  issuer = `${provider.origin}/realms/acme`;
});
beforeEach(() => provider.reset());
afterAll(() => provider.stop());

const openId = '/realms/acme/.well-known/openid-configuration';
const oauth = '/.well-known/oauth-authorization-server/realms/acme';

function metadata(members: Record<string, unknown> = {}) {
  return answerJson({ issuer, jwks_uri: `${provider.origin}/jwks`, ...members });
}

describe('discovery', () => {
  it('finds the keys in the OpenID configuration', async () => {
    provider.set(openId, metadata());
    const found = await discoverJwksUri({ issuer, jwksOrigins: [] });
    expect(found).toEqual({ ok: true, jwksUri: `${provider.origin}/jwks` });
    expect(provider.requests).toEqual([openId]);
  });

  it('falls back to the RFC 8414 form, with the path behind the well-known part', async () => {
    provider.set(oauth, metadata());
    const found = await discoverJwksUri({ issuer, jwksOrigins: [] });
    expect(found).toEqual({ ok: true, jwksUri: `${provider.origin}/jwks` });
    expect(provider.requests).toEqual([openId, oauth]);
  });

  it('removes the terminating slash of the issuer from the URL, not from the comparison', async () => {
    provider.set('/.well-known/openid-configuration', metadata({ issuer: `${provider.origin}/` }));
    expect(await discoverJwksUri({ issuer: `${provider.origin}/`, jwksOrigins: [] })).toMatchObject(
      {
        ok: true,
      },
    );
    expect(await discoverJwksUri({ issuer: provider.origin, jwksOrigins: [] })).toMatchObject({
      ok: false,
    });
  });

  it.each([
    ['another issuer', { issuer: 'https://evil.example.com' }],
    ['the issuer in other letters', { issuer: 'HTTP://127.0.0.1/realms/acme' }],
    ['no issuer', { issuer: undefined }],
    ['a list of issuers', { issuer: ['https://idp.example.com'] }],
  ])('RFC 8414 §3.3: refuses metadata with %s', async (_name, members) => {
    provider.set(openId, metadata(members));
    const found = await discoverJwksUri({ issuer, jwksOrigins: [] });
    expect(found).toMatchObject({ ok: false, reason: expect.stringContaining('another issuer') });
  });

  it.each([
    ['no jwks_uri', { jwks_uri: undefined }, 'no jwks_uri'],
    ['a jwks_uri that is no URL', { jwks_uri: '/jwks' }, 'not a URL'],
    ['a jwks_uri over http', { jwks_uri: 'http://keys.example.com/jwks' }, 'https is required'],
    ['a jwks_uri on another origin', { jwks_uri: 'https://keys.example.com/jwks' }, 'jwks_origins'],
    ['a jwks_uri on another port', { jwks_uri: 'http://127.0.0.1:1/jwks' }, 'jwks_origins'],
  ])('refuses metadata with %s', async (_name, members, reason) => {
    provider.set(openId, metadata(members));
    const found = await discoverJwksUri({ issuer, jwksOrigins: ['https://other.example.com'] });
    expect(found).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
  });

  it('takes keys on another origin that is allowed', async () => {
    provider.set(openId, metadata({ jwks_uri: 'https://keys.example.com/jwks' }));
    const found = await discoverJwksUri({ issuer, jwksOrigins: ['https://keys.example.com/'] });
    expect(found).toEqual({ ok: true, jwksUri: 'https://keys.example.com/jwks' });
  });

  it('names every document that it tried', async () => {
    provider.set(openId, answerStatus(500));
    const found = await discoverJwksUri({ issuer, jwksOrigins: [] });
    expect(found).toEqual({
      ok: false,
      reason: `${provider.origin}${openId}: status 500; ${provider.origin}${oauth}: status 404`,
    });
  });

  it.each([
    'http://idp.example.com',
    'https://idp.example.com/?tenant=1',
    'https://idp.example.com/#a',
    'acme',
  ])('does not ask the issuer %s', async (name) => {
    const found = await discoverJwksUri({ issuer: name, jwksOrigins: [] });
    expect(found).toMatchObject({ ok: false, reason: expect.stringMatching(/^issuer: /) });
  });
});
