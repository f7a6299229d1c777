import { expect, it } from '@jest/globals';
import { isReadByReload } from '../../../src/config/named-files.ts';
import { kinds } from '../../../src/config/schema/kinds.ts';
import { listRows } from '../../../src/config/table.ts';

it('each file that a setting may name is read by a reload, or has a reason not to be', () => {
  const files = listRows().filter(({ schema }) => schema.title === kinds.file);
  const keysOf = (read: boolean) =>
    files.filter(({ steps }) => isReadByReload(steps) === read).map(({ steps }) => steps.join('.'));
  expect(keysOf(true)).toEqual([
    ...['cert_file', 'key_file', 'client_ca_file'].map((key) => `listen.auth.tls.${key}`),
    ...['cert_file', 'key_file', 'client_ca_file'].map((key) => `listen.grpc.tls.${key}`),
    ...['public', 'ops'].flatMap((name) => [
      `listen.${name}.tls.cert_file`,
      `listen.${name}.tls.key_file`,
    ]),
    'callers.secret_file',
    'credentials.*.bearer.verify.introspection.client_secret_file',
    'keys.private_jwk_file',
    'clients.*.secret_sha256_file',
    'clients.*.secret_hash_file',
  ]);
  // Followed by what uses them, or of what only a restart changes.
  expect(keysOf(false)).toEqual([
    'credentials.*.bearer.verify.jwks_file',
    'credentials.*.basic.verify.htpasswd_file',
    'credentials.*.client_certificate.verify.ca_file',
    'credentials.*.api_key.verify.keys_file',
    ...['module', 'pin_file'].map((key) => `keys.pkcs11.${key}`),
    ...['token_file', 'ca_file'].map((key) => `keys.vault_transit.${key}`),
    'clients.*.jwks_file',
    'state.redis.sentinel.password_file',
    'state.redis.password_file',
    ...['ca_file', 'cert_file', 'key_file'].map((key) => `state.redis.tls.${key}`),
    'state.encryption_key_file',
    'state.previous_encryption_key_file',
    ...['headers_file', 'ca_file'].map((key) => `traces.${key}`),
  ]);
});
