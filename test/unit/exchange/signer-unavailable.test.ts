import { afterAll, describe, expect, it } from '@jest/globals';
import { SignerUnavailable } from '../../../src/exchange/signer-unavailable.ts';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { createKeyRing } from '../../../src/keys/key-ring.ts';
import { fixedKeys } from '../../../src/keys/open-keys.ts';
import { basic } from '../../support/process.ts';
import { forwardedHeaders, nginxHeaders, startService } from '../../support/service.ts';

const ring = createKeyRing([await generatePrivateKey('ES256')]);
/** What the signer does next. */
let failure: Error | undefined;
const service = await startService(
  `issuer: https://countersign.example.com
gateways: { caddy: {}, nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a }
default_route: {}
`,
  {
    openKeys: async () =>
      fixedKeys({
        ...ring,
        signer: {
          ...ring.signer,
          async sign(input) {
            if (failure) throw failure;
            return ring.signer.sign(input);
          },
        },
      }),
  },
);
afterAll(() => service.close());

const credential = ['Authorization', basic('alice', 'pw')];
const ask = () => service.ask('/auth/caddy', [...forwardedHeaders(), ...credential]);

describe('a signer outside the process that does not answer', () => {
  it('is 503 with Retry-After and no token, and why is in the decision', async () => {
    failure = new SignerUnavailable('no answer within 2000 ms');
    const { status, headers, body } = await ask();
    expect(status).toBe(503);
    expect(headers).toMatchObject({ 'retry-after': '5' });
    expect(headers).not.toHaveProperty('x-custom-jwt');
    expect(body).not.toContain('2000');
    expect(service.decisions.at(-1)).toEqual({
      ...{ allowed: false, reason: 'signer_unavailable' },
      detail: 'no answer within 2000 ms',
    });
  });

  it('is 403 where the gateway would make something else of 503', async () => {
    failure = new SignerUnavailable('CKR_DEVICE_REMOVED');
    const { status } = await service.ask('/auth/nginx', [...nginxHeaders(), ...credential]);
    expect(status).toBe(403);
  });

  it('is asked again for the next request: the refusal is not kept', async () => {
    failure = new SignerUnavailable('gone');
    expect((await ask()).status).toBe(503);
    failure = undefined;
    const { status, headers } = await ask();
    expect(status).toBe(200);
    expect(headers).toHaveProperty('x-custom-jwt');
  });
});

describe('a signer that fails in any other way', () => {
  it('is a mistake of ours', async () => {
    failure = new TypeError('oops');
    const other = ['Authorization', basic('bob', 'pw')];
    const { status } = await service.ask('/auth/caddy', [...forwardedHeaders(), ...other]);
    expect(status).toBe(403);
    expect(service.logged.at(-1)).toMatchObject({ fields: { error: failure } });
  });
});
