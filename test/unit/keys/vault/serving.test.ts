import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { compactVerify, createLocalJWKSet } from 'jose';
import { tryConfiguration } from '../../../../src/assemble/try.ts';
import { run } from '../../../../src/commands/keys.ts';
import { loadConfiguration } from '../../../../src/config/load.ts';
import { ConfigurationError } from '../../../../src/config/problems.ts';
import { fixedKeys, readKeyRing } from '../../../../src/keys/open-keys.ts';
import { basic } from '../../../support/process.ts';
import { nginxHeaders, send, startService, type TestService } from '../../../support/service.ts';
import { startVault, type Vault } from '../../../support/vault-transit.ts';
import { runWith } from '../../commands/io.ts';
import { directory, settingsFor, writeToken } from './open.ts';

/** The whole service with a key in Vault. */

let vault: Vault;
let text = '';
let service: TestService | undefined;
beforeAll(async () => {
  vault = await startVault();
  vault.createKey('countersign', 'ecdsa-p256');
  text = `issuer: https://countersign.example.com
gateways: { nginx: {} }
credentials: [{ basic: { trust: gateway } }]
token: { audience: a }
default_route: {}
keys: { vault_transit: { address: "${vault.address}", key: countersign, token_file: token } }
`;
});
beforeEach(() => {
  vault.disturb = undefined;
  writeToken(vault.token);
});
afterEach(async () => {
  await service?.close();
  service = undefined;
});
afterAll(async () => {
  await vault.close();
  rmSync(directory, { recursive: true });
});

const file = join(directory, 'countersign.yaml');
const start = async () => {
  service = await startService(text, { file });
  vault.calls.length = 0;
  return service;
};
const ask = (user: string) =>
  service?.ask('/auth/nginx', [...nginxHeaders(), 'Authorization', basic(user, 'pw')]);

describe('a service whose key is in Vault', () => {
  it('asks Vault once for identical requests in flight, and not again while it reuses', async () => {
    const { publicPort } = await start();
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask('alice')));
    expect(new Set(answers.map((answer) => answer?.status))).toEqual(new Set([200]));
    const tokens = new Set(answers.map((answer) => answer?.headers['x-custom-jwt']));
    expect(tokens.size).toBe(1);
    expect(vault.calls.map(({ path }) => path)).toEqual(['/v1/transit/sign/countersign/sha2-256']);
    expect((await ask('alice'))?.status).toBe(200);
    expect(vault.calls).toHaveLength(1);
    expect((await ask('bob'))?.status).toBe(200);
    expect(vault.calls).toHaveLength(2);

    const jwks = JSON.parse((await send({ port: publicPort, path: '/jwks' })).body);
    const verified = await compactVerify(String([...tokens][0]), createLocalJWKSet(jwks));
    expect(verified.protectedHeader).toMatchObject({ alg: 'ES256', kid: jwks.keys[0].kid });
  });

  it('refuses while Vault is away, but goes on handing out what it has signed', async () => {
    const { decisions } = await start();
    expect((await ask('alice'))?.status).toBe(200);
    vault.disturb = (_request, response) => {
      response.writeHead(503).end('{"errors":["Vault is sealed"]}');
      return true;
    };
    expect((await ask('bob'))?.status).toBe(403);
    expect(decisions.at(-1)).toMatchObject({
      ...{ reason: 'signer_unavailable', detail: 'Vault: status 503: sealed, or not ready' },
    });
    expect((await ask('alice'))?.status).toBe(200);
    vault.disturb = undefined;
    expect((await ask('bob'))?.status).toBe(200);
  });

  it('hands nothing out again once a version is gone', async () => {
    let drop = () => {};
    service = await startService(text, {
      file,
      async openKeys(settings, onDropped) {
        drop = onDropped;
        return fixedKeys(await readKeyRing(settings));
      },
    });
    const token = async () => (await ask('alice'))?.headers['x-custom-jwt'];
    const first = await token();
    expect(await token()).toBe(first);
    drop();
    expect(await token()).not.toBe(first);
  });

  it('bounds what Vault is asked at once, and refuses the rest', async () => {
    const { decisions } = await start();
    const waiting: (() => void)[] = [];
    vault.disturb = (_request, response) => {
      waiting.push(() => response.writeHead(503).end('{}'));
      return true;
    };
    const asked = Array.from({ length: 65 }, (_, index) => ask(`user-${index}`));
    await Promise.race(asked);
    vault.disturb = undefined;
    for (const answer of waiting) answer();
    await Promise.all(asked);
    const tooMany = expect.objectContaining({ detail: 'too many signatures at once' });
    expect(decisions[0]).toEqual(tooMany);
    expect(decisions.slice(1)).not.toContainEqual(tooMany);
  });
});

describe('a configuration with a key in Vault', () => {
  const load = () => loadConfiguration({ text, file, env: {} });

  it('is tried with a signature, and changes nothing', async () => {
    vault.calls.length = 0;
    expect(await tryConfiguration(load())).toMatchObject({ notes: [], keyNote: undefined });
    expect(vault.calls.map(({ method }) => method)).toEqual(['GET', 'POST']);
  });

  it('cannot be used while Vault refuses', async () => {
    writeToken('wrong');
    const failure = await tryConfiguration(load()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as Error).message).toContain(`${vault.address}, key countersign: status 403`);
    expect((failure as Error).message).not.toContain('wrong');
  });

  it('has its keys listed, with the one that signs', async () => {
    vault.rotate('countersign');
    const settings = settingsFor(vault);
    const { code, out } = await runWith(run, ['list'], {
      configured: {
        issuer: 'https://i',
        keys: { algorithm: settings.algorithm, vaultTransit: settings },
      },
    });
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(1))).toEqual([
      ['alg', 'state', 'since', 'until'],
      ['ES256', 'active', '-', '-'],
      ['ES256', 'published', '-', '-'],
      [],
    ]);
  });
});
