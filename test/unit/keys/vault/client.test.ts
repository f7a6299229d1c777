import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createVaultClient, type VaultClient } from '../../../../src/keys/vault/client.ts';
import {
  ecKeys,
  issueAuthority,
  issueCertificate,
  name,
  subjectAltName,
} from '../../../support/certificates.ts';
import { type Disturbance, startVault, type Vault } from '../../../support/vault-transit.ts';
import { directory, settingsFor } from './open.ts';

let vault: Vault;
const clients: VaultClient[] = [];
beforeAll(async () => {
  vault = await startVault();
  vault.createKey('countersign');
});
beforeEach(() => {
  vault.disturb = undefined;
  vault.calls.length = 0;
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await vault.close();
  rmSync(directory, { recursive: true });
});

function createClient(changes: { address?: string; caFile?: string } = {}): VaultClient {
  const token = { current: () => vault.token, refresh: async () => false };
  const client = createVaultClient({ ...settingsFor(vault), ...changes }, token);
  clients.push(client);
  return client;
}
const read = { path: 'transit/keys/countersign' };
const ask = () => createClient().ask(read);

/** Disturbs the first call only. */
function once(disturb: Disturbance): Disturbance {
  let used = false;
  return (...args) => {
    if (used) return false;
    used = true;
    return disturb(...args);
  };
}
const answer =
  (status: number, headers: Record<string, string> = {}, body = '{}'): Disturbance =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
const breakOff: Disturbance = (request) => {
  request.socket.destroy();
  return true;
};

describe('a call', () => {
  it('keeps its connection for the next one', async () => {
    const ports = new Set<number | undefined>();
    vault.disturb = (request) => {
      ports.add(request.socket.remotePort);
      return false;
    };
    const client = createClient();
    for (let count = 0; count < 3; count++) {
      expect(await client.ask(read)).toMatchObject({ ok: true, data: { name: 'countersign' } });
    }
    expect(ports.size).toBe(1);
  });

  it.each<[string, Disturbance]>([
    ['the connection breaks', breakOff],
    ['Vault fails', answer(500)],
    ['Vault is sealed for a moment', answer(503)],
  ])('is repeated once when %s', async (_what, disturb) => {
    vault.disturb = once(disturb);
    expect(await ask()).toMatchObject({ ok: true });
    vault.disturb = disturb;
    vault.calls.length = 0;
    expect(await ask()).toMatchObject({ ok: false });
    expect(vault.calls).toHaveLength(2);
  });

  it.each<[string, Disturbance, string]>([
    ['a redirect', answer(307, { Location: 'http://127.0.0.1:1/' }), 'redirects are not followed'],
    ['a refusal', answer(403), 'status 403: the token or its policy does not allow this'],
    ['another status', answer(204), 'status 204'],
    ['no JSON', answer(200, {}, 'hello'), 'not an answer of Vault'],
    ['JSON without data', answer(200, {}, '{"data":[]}'), 'not an answer of Vault'],
    ['too long an answer', answer(200, {}, ' '.repeat(1024 * 1024 + 1)), 'not an answer of Vault'],
  ])('that gets %s fails, and is not repeated', async (_what, disturb, reason) => {
    vault.disturb = disturb;
    expect(await ask()).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
    expect(vault.calls).toHaveLength(1);
  });

  it.each<[string, Disturbance]>([
    ['no answer', () => true],
    ['half an answer', (_request, response) => response.writeHead(200).write('{"data":') || true],
  ])('that gets %s ends after 2 seconds, without another try', async (_what, disturb) => {
    vault.disturb = disturb;
    const began = performance.now();
    expect(await ask()).toMatchObject({ ok: false, reason: 'no whole answer within 2000 ms' });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(vault.calls).toHaveLength(1);
  });

  it('to nobody fails', async () => {
    const client = createClient({ address: 'http://127.0.0.1:1' });
    expect(await client.ask(read)).toMatchObject({ ok: false, reason: 'ECONNREFUSED' });
  });
});

describe('the address', () => {
  it('may have a path', async () => {
    const client = createClient({ address: `${vault.address}/vault/` });
    expect(await client.ask(read)).toMatchObject({ status: 404 });
    expect(vault.calls[0]?.path).toBe('/vault/v1/transit/keys/countersign');
  });

  it('is https, or http on this machine', () => {
    expect(() => createClient({ address: 'http://vault.example.com' })).toThrow(
      /https is required/,
    );
    expect(() => createClient({ caFile: '/nowhere' })).not.toThrow(); // http reads no CA
    expect(() => createClient({ address: 'https://v', caFile: '/nowhere' })).toThrow(/ENOENT/);
  });

  it('over https is trusted by the CA of the file, and by no other', async () => {
    const ca = issueAuthority({ subject: name({ CN: 'Vault CA' }), keys: ecKeys() });
    const leaf = issueCertificate(
      {
        subject: name({ CN: 'vault' }),
        extensions: [subjectAltName(['ip', '\x7f\0\0\x01'])],
      },
      ca,
    );
    const key = String(leaf.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const secure = await startVault({ tls: { cert: leaf.pem, key } });
    secure.token = vault.token;
    secure.createKey('countersign');
    const caFile = join(directory, 'ca.pem');
    writeFileSync(caFile, ca.pem);
    try {
      const { address } = secure;
      expect(await createClient({ address, caFile }).ask(read)).toMatchObject({ ok: true });
      expect(await createClient({ address }).ask(read)).toMatchObject({
        ...{ ok: false, status: undefined, reason: expect.stringMatching(/^[A-Z_]+$/) },
      });
      expect(secure.calls).toHaveLength(1);
    } finally {
      await secure.close();
    }
  });
});
