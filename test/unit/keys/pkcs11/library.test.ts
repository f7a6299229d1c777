import { expect, it, jest } from '@jest/globals';
import type { Pkcs11Settings } from '../../../../src/keys/pkcs11/settings.ts';

it('a service without pkcs11js says what is missing, and only when it is asked for', async () => {
  jest.unstable_mockModule('pkcs11js', () => {
    throw new Error('Cannot find module ./build/Release/pkcs11.node');
  });
  const { readKeyRing } = await import('../../../../src/keys/open-keys.ts');
  const pkcs11 = {
    algorithm: 'RS256',
    ...{ module: '/usr/lib/hsm.so', tokenLabel: 't', keyLabel: 'k' },
    ...{ keyId: undefined, pin: undefined, pinFile: undefined },
  } as const satisfies Pkcs11Settings;
  await expect(readKeyRing({ algorithm: 'RS256', pkcs11 })).rejects.toMatchObject({
    name: 'KeyError',
    message: expect.stringMatching(/needs the package pkcs11js.*npm rebuild.*pkcs11js/),
  });
});
