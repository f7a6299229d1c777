import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { KeyRing } from '../../../../src/keys/key-ring.ts';
import { type KeyType, startVault, type Vault } from '../../../support/vault-transit.ts';
import { createTestClock } from '../../issuers/provider.ts';
import { directory, open as openRing, signAndVerify, writeToken } from './open.ts';

const minute = 60_000;
const hour = 60 * minute;
let vault: Vault;
let clock: ReturnType<typeof createTestClock>;
const opened: KeyRing[] = [];
beforeAll(async () => {
  vault = await startVault({ now: () => clock.now() });
});
beforeEach(() => {
  clock = createTestClock();
  vault.disturb = undefined;
  vault.token = 'vault-token-1';
  vault.createKey('countersign');
  vault.calls.length = 0;
});
afterEach(() => {
  for (const ring of opened.splice(0)) ring.close?.();
});
afterAll(async () => {
  await vault.close();
  rmSync(directory, { recursive: true });
});

async function open(changes?: Parameters<typeof openRing>[2]) {
  const parts = await openRing(vault, clock, changes);
  opened.push(parts.ring);
  return parts;
}
const kids = ({ publicKeys }: KeyRing) => publicKeys.map(({ kid }) => kid);
const signCalls = () => vault.calls.filter(({ path }) => path.includes('/sign/'));

describe('a Transit key', () => {
  it.each<[KeyType, 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512', string]>([
    ['rsa-2048', 'RS256', 'RS256'],
    ['rsa-2048', 'RS384', 'RS384'],
    ['rsa-2048', 'RS512', 'RS512'],
    ['rsa-2048', 'PS256', 'PS256'],
    ['rsa-2048', 'PS384', 'PS384'],
    ['rsa-2048', 'PS512', 'PS512'],
    ['ecdsa-p256', 'RS256', 'ES256'],
    ['ecdsa-p384', 'RS256', 'ES384'],
    ['ecdsa-p521', 'RS256', 'ES512'],
    ['ed25519', 'RS256', 'Ed25519'],
  ])('of type %s with keys.algorithm %s signs %s', async (type, algorithm, alg) => {
    vault.createKey('countersign', type);
    const { ring } = await open({ algorithm });
    expect(await signAndVerify(ring)).toEqual({ alg, kid: ring.signer.kid });
    expect(ring.verificationKey(ring.signer.kid)).toMatchObject({ alg });
  });

  it('is named by the thumbprint of its public key, and shown without anything private', async () => {
    const { ring } = await open();
    expect(ring.publicKeys).toHaveLength(1);
    expect(Object.keys(ring.publicKeys[0] ?? {}).sort()).toEqual(
      ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'].sort(),
    );
    expect(ring.signer.kid).toMatch(/^[\w-]{43}$/);
  });

  it('gets a hash only, of no more than what is to be signed', async () => {
    const { ring } = await open();
    await signAndVerify(ring);
    const { body, path } = signCalls().at(-1) ?? {};
    expect(path).toBe('/v1/transit/sign/countersign/sha2-256');
    expect(body).toMatchObject({ prehashed: true, key_version: 1, marshaling_algorithm: 'jws' });
    expect(Buffer.from(body?.input ?? '', 'base64')).toHaveLength(32);
  });

  it('is asked for with the token and the namespace', async () => {
    await open({ namespace: 'team' });
    expect(vault.calls.map(({ headers }) => headers)).toEqual(
      [0, 1].map(() =>
        expect.objectContaining({
          ...{ 'x-vault-token': 'vault-token-1', 'x-vault-namespace': 'team' },
          'x-vault-request': 'true',
        }),
      ),
    );
  });
});

describe('a rotation', () => {
  it('shows the new version first, and signs with it after publish_ahead', async () => {
    const { ring, passTime, dropped } = await open();
    const [first = ''] = kids(ring);
    vault.rotate('countersign');
    await passTime(minute);
    const [, second = ''] = kids(ring);
    expect(kids(ring)).toEqual([first, second]);
    expect((await signAndVerify(ring)).kid).toBe(first);

    await passTime(hour - 1);
    expect((await signAndVerify(ring)).kid).toBe(first);
    await passTime(1);
    expect((await signAndVerify(ring)).kid).toBe(second);
    expect(kids(ring)).toEqual([first, second]);
    expect(dropped()).toBe(0);
  });

  it('ends when Vault drops the old version: it is neither shown nor verified with', async () => {
    vault.rotate('countersign');
    clock.advance(hour);
    const { ring, passTime, dropped } = await open();
    const [first = '', second = ''] = kids(ring);
    expect(ring.signer.kid).toBe(second);
    vault.configure('countersign', { min_decryption_version: 2 });
    await passTime(minute);
    expect(kids(ring)).toEqual([second]);
    expect(ring.verificationKey(first)).toBeUndefined();
    expect(dropped()).toBe(1);
  });

  it('that takes the signing version away makes the next one sign at once', async () => {
    const { ring, passTime, untilRead } = await open();
    vault.rotate('countersign');
    await passTime(minute);
    vault.configure('countersign', { min_decryption_version: 2 });
    clock.advance(minute);
    // Vault refuses, and that is why the versions are read at once.
    await expect(signAndVerify(ring)).rejects.toThrow('Vault: status 500');
    await untilRead();
    expect((await signAndVerify(ring)).kid).toBe(kids(ring)[0]);
    expect(kids(ring)).toHaveLength(1);
  });

  it('to a version that does not sign leaves the one before at work', async () => {
    const { ring, passTime, log } = await open();
    const first = ring.signer.kid;
    vault.rotate('countersign');
    await passTime(minute);
    vault.disturb = (_request, response) => {
      const { body } = vault.calls.at(-1) ?? {};
      if (body?.key_version !== 2) return false;
      response.writeHead(403).end('{}');
      return true;
    };
    await passTime(hour);
    expect((await signAndVerify(ring)).kid).toBe(first);
    expect(log.lines.at(-1)).toMatch(/^warn a new version of the signing key fails .*403/);
  });

  it('that was not noticed in time changes nothing while Vault cannot be read', async () => {
    const { ring, passTime, log } = await open();
    const shown = ring.publicKeys;
    vault.disturb = (request) => {
      request.socket.destroy();
      return true;
    };
    await passTime(minute);
    expect(ring.publicKeys).toBe(shown);
    expect(log.lines.at(-1)).toMatch(/^warn the signing key cannot be read anew .*ECONNRESET/);
  });
});

describe('the token file', () => {
  it('is read again when Vault refuses the token', async () => {
    const { ring } = await open();
    vault.token = 'vault-token-2';
    writeToken('vault-token-2');
    await signAndVerify(ring);
    expect(signCalls().map(({ headers }) => headers['x-vault-token'])).toEqual([
      'vault-token-1', // the probe
      'vault-token-1',
      'vault-token-2',
    ]);
  });

  it('is read again every minute, before the old token ends', async () => {
    const { passTime } = await open();
    writeToken('vault-token-2');
    vault.token = 'vault-token-2';
    await passTime(minute);
    expect(vault.calls.at(-1)?.headers['x-vault-token']).toBe('vault-token-2');
  });

  it('with the refused token still in it gets no second try', async () => {
    const { ring } = await open();
    vault.token = 'vault-token-2';
    const before = signCalls().length;
    await expect(signAndVerify(ring)).rejects.toThrow('Vault: status 403');
    expect(signCalls()).toHaveLength(before + 1);
  });

  it('that is missing or empty keeps the service from starting', async () => {
    await expect(open({ tokenFile: '/nowhere/token' })).rejects.toThrow(/ENOENT/);
    vault.token = ' ';
    await expect(open()).rejects.toThrow(/token: holds no token/);
  });

  it('is not needed where an agent adds the token', async () => {
    vault.disturb = (request) => {
      request.headers['x-vault-token'] ??= vault.token;
      return false;
    };
    const { ring } = await open({ tokenFile: undefined });
    expect((await signAndVerify(ring)).kid).toBe(ring.signer.kid);
  });
});

describe('at the start', () => {
  it('a key that is not there is refused', async () => {
    await expect(open({ key: 'nope' })).rejects.toThrow(
      `${vault.address}, key nope: status 404: there is no such key or mount`,
    );
  });

  it('a key that does not sign is refused', async () => {
    vault.createKey('countersign', 'aes256-gcm96');
    await expect(open()).rejects.toThrow(/not of a type that signs/);
  });

  it('a key whose versions may only verify is refused', async () => {
    vault.configure('countersign', { min_encryption_version: 2 });
    await expect(open()).rejects.toThrow(/lets no version of the key sign/);
  });

  it('a token that may read the key but not sign is refused', async () => {
    vault.disturb = (request, response) => {
      if (request.method === 'GET') return false;
      response.writeHead(403).end('{"errors":["permission denied"]}');
      return true;
    };
    await expect(open()).rejects.toThrow(/does not sign: Vault: status 403/);
  });

  it('a signature of another key is noticed', async () => {
    vault.createKey('stranger');
    vault.disturb = (request) => {
      // The double routes by the URL: signs with the stranger, but shows the key.
      if (request.method === 'POST') request.url = '/v1/transit/sign/stranger/sha2-256';
      return false;
    };
    await expect(open()).rejects.toThrow(/does not verify with its public key/);
  });
});
