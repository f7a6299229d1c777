import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nginxHeaders, startService, type TestService, unsignedJwt } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService(`
issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials:
  - bearer: { trust: gateway, client_id: azp }
  - basic: { trust: gateway }
  - api_key: { trust: gateway }
routes:
  - match: { hosts: [forbidden.example.com] }
    require: 'false'
default_route: {}
token: { audience: orders }
`);
});
afterAll(() => service.close());

const exp = Math.floor(Date.now() / 1000) + 600;
const good = unsignedJwt({ azp: 'web', exp });
const bearer = (token: string) => ['Authorization', `Bearer ${token}`];
const ask = (credential: readonly string[], url?: string) =>
  service.ask('/auth/nginx', [...nginxHeaders(url), ...credential]);
/** Each line on its own, as it was sent. */
const challenges = ({ rawHeaders }: { readonly rawHeaders: readonly string[] }) =>
  rawHeaders.filter((_, at) => rawHeaders[at - 1] === 'WWW-Authenticate');

describe('§2.1: the token', () => {
  it.each([
    ['Bearer', 'Bearer'],
    ['another case of it', 'bEARER'],
    ['more than one space', 'Bearer   '],
  ])('is taken behind %s', async (_what, scheme) => {
    expect((await ask(['Authorization', `${scheme} ${good}`])).status).toBe(200);
  });

  it.each([
    ['in the query', [], `https://api.example.com/orders?access_token=${good}`],
    ['in a header of its own', ['Access-Token', good], undefined],
    ['in a cookie', ['Cookie', `access_token=${good}`], undefined],
    ['in Proxy-Authorization', ['Proxy-Authorization', `Bearer ${good}`], undefined],
  ])('is not looked for %s', async (_where, headers, url) => {
    expect((await ask(headers, url)).status).toBe(401);
    expect(service.decisions.at(-1)).toMatchObject({ reason: 'no_credential' });
  });
});

describe('§3: the challenges of a 401', () => {
  const others = ['Basic realm="countersign", charset="UTF-8"', 'ApiKey realm="countersign"'];
  const plain = 'Bearer realm="countersign"';

  it.each<[string, string[], string]>([
    ['no code without a credential (§3.1)', [], plain],
    ['no code for a scheme that is not taken', ['Authorization', 'Digest a=b'], plain],
    ['no code for a bad user and password', ['Authorization', 'Basic !'], plain],
    ['no code for a bad API key', ['apikey', ''], plain],
    ['invalid_token for a malformed token', bearer('a b'), `${plain}, error="invalid_token"`],
    ['invalid_token for none', ['Authorization', 'Bearer'], `${plain}, error="invalid_token"`],
    ['invalid_token for what is no JWT', bearer('abc'), `${plain}, error="invalid_token"`],
    [
      'invalid_token for an expired one',
      bearer(unsignedJwt({ azp: 'web', exp: 1 })),
      `${plain}, error="invalid_token"`,
    ],
    [
      'invalid_request for two of them',
      [...bearer(good), ...bearer(good)],
      `${plain}, error="invalid_request"`,
    ],
    [
      'invalid_request for two kinds at once',
      [...bearer(good), 'apikey', 'k'],
      `${plain}, error="invalid_request"`,
    ],
  ])('have %s, and a line for each other scheme', async (_what, credential, challenge) => {
    const answer = await ask(credential);
    expect(answer.status).toBe(401);
    expect(challenges(answer)).toEqual([challenge, ...others]);
  });

  it('quote nothing that a client sent', async () => {
    const answer = await ask(bearer('x" , evil="1'));
    expect(challenges(answer).join()).not.toContain('evil');
  });

  it('are absent from a 403: another credential would not help', async () => {
    const answer = await ask(bearer(good), 'https://forbidden.example.com/');
    expect(answer.status).toBe(403);
    expect(challenges(answer)).toEqual([]);
  });
});

it('§5.3: a refusal is not to be stored', async () => {
  expect((await ask([])).headers['cache-control']).toBe('no-store');
});
