import { describe, expect, it } from '@jest/globals';
import { keySettings } from '../../../src/assemble/keys.ts';
import { printConfiguration } from '../../../src/config/print.ts';
import { load, problemsOf, withKeys } from './base.ts';

const settingsOf = (keys: string) => keySettings(load(withKeys({ keys })).configuration);
const messagesOf = (keys: string) =>
  problemsOf(withKeys({ keys })).map(({ key, message }) => `${key}: ${message}`);

describe('keys.pkcs11', () => {
  const token = 'module: /usr/lib/hsm.so, token_label: countersign, key_label: signing';

  it('names a module, a token and a key; and a PIN where one is needed', async () => {
    const keys = `{ algorithm: ES256, pkcs11: { ${token}, key_id: "0A1B", pin_file: pin } }`;
    const common = { algorithm: 'ES256', module: '/usr/lib/hsm.so', tokenLabel: 'countersign' };
    expect(await settingsOf(keys)).toEqual({
      algorithm: 'ES256',
      pkcs11: {
        ...{ ...common, keyLabel: 'signing', keyId: '0a1b' },
        ...{ pin: undefined, pinFile: '/etc/countersign/pin' },
      },
    });
    expect(await settingsOf(`{ pkcs11: { ${token} } }`)).toMatchObject({
      pkcs11: { keyId: undefined, pin: undefined, pinFile: undefined },
    });
  });

  it('does not show its PIN when it is printed', () => {
    const keys = `{ pkcs11: { ${token}, pin: hunter2 } }`;
    expect(printConfiguration(load(withKeys({ keys })).configuration)).not.toContain('hunter2');
  });

  it.each([
    [`${token}, pin: a, pin_file: b`, /has pin and pin_file; keep one/],
    [`${token}, key_id: xyz`, /key_id: "xyz" is not a CKA_ID in hex/],
    [`${token}, pin: 1234`, /pin: is not a string; write it as text/],
    ['module: a, token_label: b', /key_label: is missing/],
  ])('refuses %s', (settings, message) => {
    expect(messagesOf(`{ pkcs11: { ${settings} } }`)).toEqual([expect.stringMatching(message)]);
  });

  it('is the only place of the keys, and has a public key', () => {
    expect(messagesOf(`{ private_jwk_file: f, pkcs11: { ${token} } }`)).toEqual([
      'keys: has private_jwk_file and pkcs11; keep one',
    ]);
    expect(messagesOf(`{ algorithm: HS512, pkcs11: { ${token} } }`)).toEqual([
      'keys.algorithm: is not for pkcs11; name one with a public key, such as ES256',
    ]);
  });
});

describe('keys.vault_transit', () => {
  const address = 'address: https://vault.example.com:8200';

  it('has the usual mount, an hour between publishing and signing, and no directory', async () => {
    expect(await settingsOf(`{ vault_transit: { ${address}, key: countersign } }`)).toEqual({
      algorithm: 'RS256',
      vaultTransit: {
        ...{ algorithm: 'RS256', address: 'https://vault.example.com:8200' },
        ...{ mount: 'transit', key: 'countersign', publishAheadMs: 3_600_000 },
        ...{ namespace: undefined, token: undefined, tokenFile: undefined, caFile: undefined },
      },
    });
  });

  it('takes file names from the directory of the configuration', async () => {
    const keys = `{ vault_transit: { ${address}, key: k, token_file: token, ca_file: ca.pem } }`;
    expect(await settingsOf(keys)).toMatchObject({
      vaultTransit: { tokenFile: '/etc/countersign/token', caFile: '/etc/countersign/ca.pem' },
    });
  });

  it('does not show its token when it is printed', () => {
    const keys = `{ vault_transit: { ${address}, key: k, token: hvs.hunter2 } }`;
    const printed = printConfiguration(load(withKeys({ keys })).configuration);
    expect(printed).not.toContain('hunter2');
    expect(printed).toContain('publish_ahead: 1h');
  });

  it.each([
    ['key: k, address: http://vault.example.com', /address: .*https/],
    [`${address}, key: a/b`, /key: .*name of a Transit key/],
    [`${address}, key: k, mount: ../sys`, /mount: .*path of a mount/],
    [`${address}, key: k, namespace: "a\\nb"`, /namespace: .*not a namespace/],
    [`${address}, key: k, publish_ahead: 5m`, /publish_ahead: is too short; at least 6m/],
    [`${address}, key: k, token: a, token_file: b`, /has token and token_file; keep one/],
    [address, /key: is missing/],
  ])('refuses %s', (settings, message) => {
    expect(messagesOf(`{ vault_transit: { ${settings} } }`)).toEqual([
      expect.stringMatching(message),
    ]);
  });

  it('is the only place of the keys, and has a public key', () => {
    const vault = `vault_transit: { ${address}, key: k }`;
    expect(messagesOf(`{ directory: d, ${vault} }`)).toEqual([
      'keys: has directory and vault_transit; keep one',
    ]);
    expect(messagesOf(`{ algorithm: HS256, ${vault} }`)).toEqual([
      'keys.algorithm: is not for vault_transit; name one with a public key, such as ES256',
    ]);
  });
});
