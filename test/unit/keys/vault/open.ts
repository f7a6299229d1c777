import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactVerify, createLocalJWKSet } from 'jose';
import type { KeyRing } from '../../../../src/keys/key-ring.ts';
import type { VaultTransitSettings } from '../../../../src/keys/vault/settings.ts';
import { openTransitKeyRing } from '../../../../src/keys/vault/transit-key-ring.ts';
import { until } from '../../../support/process.ts';
import type { Vault } from '../../../support/vault-transit.ts';
import { type createTestClock, createTestLog, createTestTimers } from '../../issuers/provider.ts';

export const directory = mkdtempSync(join(tmpdir(), 'vault-'));
const tokenFile = join(directory, 'token');

export function writeToken(token: string): void {
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
}

export function settingsFor({ address }: Pick<Vault, 'address'>): VaultTransitSettings {
  return {
    ...{ algorithm: 'RS256', address, mount: 'transit', key: 'countersign' },
    ...{ namespace: undefined, token: undefined, tokenFile, caFile: undefined },
    publishAheadMs: 60 * 60_000,
  };
}

/** Opens a key of the double; its clock and the minute's timer are moved by the test. */
export async function open(
  vault: Vault,
  clock: ReturnType<typeof createTestClock>,
  changes: Partial<VaultTransitSettings> = {},
) {
  const [timers, log] = [createTestTimers(), createTestLog()];
  let dropped = 0;
  const deps = { now: clock.now, timers, log, onDropped: () => void dropped++ };
  writeToken(vault.token);
  const ring = await openTransitKeyRing({ ...settingsFor(vault), ...changes }, deps);
  const isIdle = () => timers.pending.length === 1 && (timers.pending[0]?.ms ?? 0) > 50_000;
  return {
    ring,
    log,
    /** How often the ring told that a version is no longer published. */
    dropped: () => dropped,
    /** Waits for a reading that is running. */
    untilRead: () => until(isIdle),
    /** Lets time pass, and then the next reading. */
    async passTime(ms: number) {
      clock.advance(ms);
      timers.fire();
      await until(isIdle);
    },
  };
}

/** Signs claims and verifies the token with what the ring publishes. @returns its header */
export async function signAndVerify({ signer, publicKeys }: KeyRing) {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: signer.alg, kid: signer.kid })}.${part({ sub: 'alice' })}`;
  const jwt = `${input}.${await signer.sign(input)}`;
  const { protectedHeader } = await compactVerify(
    jwt,
    createLocalJWKSet({ keys: [...publicKeys] }),
  );
  return protectedHeader;
}
