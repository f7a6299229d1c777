import type { Log } from '../../issuers/log.ts';
import type { Outgoing } from '../../issuers/outgoing.ts';
import { createRefresher, type LoadOutcome } from '../../issuers/refresher.ts';
import type { Timers } from '../../issuers/timers.ts';
import { KeyError } from '../key-error.ts';
import type { KeyRing } from '../key-ring.ts';
import { createVaultClient } from './client.ts';
import type { VaultTransitSettings } from './settings.ts';
import { openVaultToken } from './token.ts';
import { createReader, type Reading } from './transit-reading.ts';
import { createTransitSigners } from './transit-signer.ts';

export interface TransitKeyRingDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly log: Log;
  /** Called when a version is no longer published: its tokens must not be handed out again. */
  readonly onDropped: () => void;
  readonly outgoing?: Outgoing | undefined;
}

const readEverySeconds = 60;

/**
 * Opens a Transit key: the private halves stay in Vault, which signs. The versions are read every
 * minute, and at once when Vault refuses to sign; all are published, and a new one signs once it was
 * published for long enough.
 *
 * @throws KeyError when Vault does not answer, or the key cannot sign
 */
export async function openTransitKeyRing(
  settings: VaultTransitSettings,
  deps: TransitKeyRingDeps,
): Promise<KeyRing> {
  const name = `${settings.address}, key ${settings.key}`;
  const token = await openVaultToken(settings);
  const client = createVaultClient(settings, token, deps.outgoing);
  let onRefusal = (): void => {};
  const createSigner = createTransitSigners({ client, settings, onRefusal: () => onRefusal() });
  const read = createReader({ ...deps, settings, client, createSigner });
  let current = await read().catch((error) => {
    client.close();
    throw error instanceof KeyError ? new KeyError(`${name}: ${error.message}`) : error;
  });

  async function readAgain(): Promise<LoadOutcome> {
    try {
      await token.refresh();
      const before = current;
      current = await read(before);
      report(name, before, current, deps);
      return { ok: true, maxAgeSeconds: readEverySeconds };
    } catch (error) {
      const fields = { key: name, reason: (error as Error).message };
      deps.log.warn(fields, 'the signing key cannot be read anew');
      return { ok: false, usable: 'something' };
    }
  }

  const refresher = createRefresher({ load: readAgain, now: deps.now, timers: deps.timers });
  const cancel = deps.timers.after(readEverySeconds * 1000, () => void refresher.refresh());
  onRefusal = () => {
    if (refresher.mayRefresh()) void refresher.refresh();
  };
  return {
    get signer() {
      return current.signer;
    },
    get publicKeys() {
      return current.publicKeys;
    },
    verificationKey: (kid) => current.versions.find((version) => version.kid === kid),
    close() {
      cancel();
      refresher.close();
      client.close();
    },
  };
}

function report(
  key: string,
  before: Reading,
  after: Reading,
  { log, onDropped }: TransitKeyRingDeps,
): void {
  if (after.publicKeys !== before.publicKeys || after.signer !== before.signer) {
    const published = after.versions.map(({ version }) => version);
    const fields = { key, kid: after.signer.kid, signs: after.signing.version, published };
    log.info(fields, 'the signing key has other versions');
  }
  const kept = new Set(after.versions.map(({ kid }) => kid));
  if (before.versions.some(({ kid }) => !kept.has(kid))) onDropped();
}
