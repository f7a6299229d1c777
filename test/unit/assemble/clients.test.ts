import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import { endAll, freshDirectory } from '../../support/process.ts';
import { startService } from '../../support/service.ts';

afterEach(endAll);

const ec = { ...(await exportJWK((await generateKeyPair('ES256')).publicKey)), kid: 'e1' };

const start = (keys: string) => {
  const directory = freshDirectory();
  writeFileSync(join(directory, 'keys.json'), JSON.stringify({ keys: [{ ...ec, alg: 'RS256' }] }));
  return startService(
    `issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: x }
clients:
  - { id: a, ${keys}, may: [introspect], audiences: any }
`,
    { file: join(directory, 'countersign.yaml') },
  );
};

describe('the keys of a client', () => {
  it('may stand in the configuration', async () => {
    const service = await start(`jwks: { keys: [${JSON.stringify(ec)}] }`);
    await service.close();
    expect(service.logged).toEqual([]);
  });

  it.each([
    ['jwks: { keys: [{ kty: oct }] }', /:6:.*clients\[0\]\.jwks: the JWK set has no usable key/],
    [
      `jwks: { keys: [${JSON.stringify({ ...ec, x: 'AAAA' })}] }`,
      /clients\[0\]\.jwks: .* no usable key: keys\[0\]: it is not a valid key/,
    ],
    ['jwks_file: keys.json', /clients\[0\]\.jwks_file: .* no usable key: keys\[0\]: it serves no/],
    ['jwks_file: other.json', /clients\[0\]\.jwks_file: .*other\.json cannot be read \(ENOENT\)/],
  ])('must be usable: %s', async (keys, message) => {
    await expect(start(keys)).rejects.toThrow(message);
  });
});
