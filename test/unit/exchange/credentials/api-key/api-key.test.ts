import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createApiKeyMethod } from '../../../../../src/exchange/credentials/api-key/api-key.ts';
import { parseKeysFile } from '../../../../../src/exchange/credentials/api-key/api-keys-file.ts';
import { refuse } from '../../../../../src/exchange/refusals.ts';
import type { Consumer } from '../../../../../src/exchange/types.ts';
import { requestWith } from '../request-with.ts';

const sha256 = (key: string | Buffer) => createHash('sha256').update(key).digest('hex');
const request = requestWith({});
const consumer: Consumer = {
  id: 'c-1',
  custom_id: 'acme',
  username: 'acme-app',
  credential_identifier: undefined,
  anonymous: false,
};

describe('createApiKeyMethod', () => {
  let now = Date.UTC(2026, 0, 1);
  const keys = parseKeysFile(`
- { owner: acme, sha256: ${sha256('k-acme')}, claims: { scope: read } }
- { owner: globex, sha256: ${sha256('k-globex')}, expires: 2027-01-01T00:00:00.500Z }
- { owner: bytes, sha256: ${sha256(Buffer.from([0x6b, 0xfc]))} }
`);
  const verifying = createApiKeyMethod({ header: 'ApiKey', keys, now: () => now });
  const trusting = createApiKeyMethod({ header: 'X-Api-Key', trusted: true });

  it('says whether it trusts the gateway', () => {
    expect(trusting).toMatchObject({ kind: 'api_key', trusted: true });
    expect(verifying).toMatchObject({ kind: 'api_key', trusted: false });
  });

  it('reads its header in lower case, and no other', () => {
    const headers = { apikey: 'a', 'x-api-key': '' };
    expect(verifying.find(requestWith({ headers }))).toBe('a');
    expect(trusting.find(requestWith({ headers }))).toBe('');
    expect(trusting.find(request)).toBeUndefined();
  });

  it('names the owner of a key, with the claims of the entry', () => {
    expect(verifying.identify('k-acme', request)).toEqual({
      clientId: 'acme',
      subject: 'acme',
      claims: { scope: 'read' },
      credential: { type: 'api_key', key: 'k-acme', owner: 'acme' },
      expiresAt: Infinity,
      reusableUntil: Infinity,
    });
  });

  it('takes a key to its last millisecond', () => {
    const end = Date.UTC(2027, 0, 1) + 500;
    expect(verifying.identify('k-globex', request)).toMatchObject({
      clientId: 'globex',
      expiresAt: Date.UTC(2027, 0, 1) / 1000,
      reusableUntil: end,
    });
    now = end - 1;
    expect(verifying.identify('k-globex', request)).toMatchObject({ clientId: 'globex' });
    now = end;
    expect(verifying.identify('k-globex', request)).toEqual(refuse('api_key_expired'));
  });

  it('hashes the bytes that came in the header', () => {
    expect(verifying.identify('k\xfc', request)).toMatchObject({ clientId: 'bytes' });
  });

  it.each([
    ['unknown', 'k-other'],
    ['the hash itself', sha256('k-acme')],
    ['with a space', 'k-acme '],
  ])('refuses a key that is not in the list: %s', (_what, key) => {
    expect(verifying.identify(key, request)).toEqual(refuse('unknown_api_key'));
  });

  it.each([
    ['nothing', ''],
    ['a control character', 'k-acme\0'],
    ['a character that is no byte, and would be cut to another', '\u016b-acme'],
  ])('refuses %s as malformed in both modes', (_what, key) => {
    expect(verifying.identify(key, request)).toEqual(refuse('malformed_credential'));
    expect(trusting.identify(key, request)).toEqual(refuse('malformed_credential'));
  });

  it.each([
    ['its custom id', consumer, 'acme'],
    ['its id when there is no custom id', { ...consumer, custom_id: undefined }, 'c-1'],
    ['its id when the custom id is empty', { ...consumer, custom_id: '' }, 'c-1'],
  ])('names the consumer that the gateway stated: %s', (_what, stated, clientId) => {
    expect(trusting.identify('k', requestWith({ consumer: stated }))).toEqual({
      clientId,
      subject: clientId,
      claims: {},
      credential: { type: 'api_key', key: 'k' },
      expiresAt: Infinity,
      reusableUntil: Infinity,
    });
  });

  it.each([
    ['no consumer', undefined],
    ['an anonymous one', { ...consumer, anonymous: true }],
    ['one without ids', { ...consumer, custom_id: undefined, id: undefined }],
  ])(
    'names a trusted key with %s by a hash that is not the one of a keys file',
    (_what, stated) => {
      const subject = trusting.identify('k-acme', requestWith({ consumer: stated }));
      expect(subject).toMatchObject({ clientId: 'apikey-xSJORN6MwZu5KnuUFTqmyw' });
      const plain = createHash('sha256').update('k-acme').digest().subarray(0, 16);
      expect(subject).not.toMatchObject({ clientId: `apikey-${plain.toString('base64url')}` });
    },
  );

  it('gives different keys different names', () => {
    expect(trusting.identify('a', request)).not.toMatchObject({
      clientId: (trusting.identify('b', request) as { clientId: string }).clientId,
    });
  });
});
