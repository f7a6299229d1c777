import { afterAll, beforeEach, expect, it } from '@jest/globals';
import { generatePrivateKey } from '../../../src/keys/generate.ts';
import { createKeyRing } from '../../../src/keys/key-ring.ts';
import { fixedKeys } from '../../../src/keys/open-keys.ts';
import { basic } from '../../support/process.ts';
import { forwardedHeaders, startService } from '../../support/service.ts';

const ring = createKeyRing([await generatePrivateKey('ES256')]);
let isFull = false;
let signatures = 0;
/** Lets go of a signature that is waited for. */
let finish: (() => void) | undefined;
const service = await startService(
  `issuer: https://countersign.example.com
gateways: { caddy: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a }
routes: [{ match: { hosts: [fresh.example.com] }, token: { reuse: off } }]
default_route: {}
`,
  {
    openKeys: async () =>
      fixedKeys({
        ...ring,
        signer: {
          ...ring.signer,
          isFull: () => isFull,
          async sign(input) {
            signatures++;
            if (finish) await new Promise<void>((resolve) => (finish = resolve));
            return ring.signer.sign(input);
          },
        },
      }),
  },
);
afterAll(() => service.close());
beforeEach(() => {
  isFull = false;
  finish = undefined;
});

const ask = (user: string, url?: string) =>
  service.ask('/auth/caddy', [...forwardedHeaders(url), 'Authorization', basic(user, 'pw')]);

it('refuses what needs a signature while too many wait, and hands out what it has', async () => {
  expect((await ask('alice')).status).toBe(200);
  isFull = true;
  const before = signatures;
  expect((await ask('alice')).status).toBe(200);
  const { status, headers } = await ask('bob');
  expect([status, headers['retry-after']]).toEqual([503, '5']);
  expect(service.decisions.at(-1)).toMatchObject({ allowed: false, reason: 'overloaded' });
  expect((await ask('alice', 'https://fresh.example.com/')).status).toBe(503);
  expect(signatures).toBe(before);
  isFull = false;
  expect((await ask('bob')).status).toBe(200);
});

it('lets a request wait with an identical one that is being signed', async () => {
  finish = () => {};
  const before = signatures;
  const first = ask('carol');
  while (signatures === before) await new Promise(setImmediate);
  isFull = true;
  const second = ask('carol');
  const decided = service.decisions.length;
  expect((await ask('dave')).status).toBe(503);
  expect(service.decisions.length).toBe(decided + 1);
  finish();
  expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200]);
  expect(signatures).toBe(before + 1);
});
