import type { Log } from '../../issuers/log.ts';
import type { Outgoing } from '../../issuers/outgoing.ts';
import { systemTimers, type Timers } from '../../issuers/timers.ts';
import type { KeyRing } from '../key-ring.ts';
import { openPkcs11KeyRing } from '../pkcs11/pkcs11-key-ring.ts';
import type { Pkcs11Settings } from '../pkcs11/settings.ts';
import type { VaultTransitSettings } from '../vault/settings.ts';
import { openTransitKeyRing } from '../vault/transit-key-ring.ts';

/** A key that never enters this process. */
export type ExternalKeySettings =
  | { readonly pkcs11: Pkcs11Settings }
  | { readonly vaultTransit: VaultTransitSettings };

/** @returns whether the key never enters this process */
export function isExternal<Settings extends object>(
  settings: Settings,
): settings is Settings & ExternalKeySettings {
  return 'pkcs11' in settings || 'vaultTransit' in settings;
}

export interface ExternalKeyDeps {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly log: Log;
  /** Called when a key that tokens were signed with is no longer published. */
  readonly onDropped: () => void;
  /** Lays itself around what Vault is asked. */
  readonly outgoing?: Outgoing | undefined;
}

/** For who reads the key once: nobody is told what happens to it later. */
export const unheard: ExternalKeyDeps = {
  now: Date.now,
  timers: systemTimers,
  log: { info() {}, warn() {} },
  onDropped() {},
};

/**
 * Opens a key outside this process, and has it sign a probe.
 *
 * @throws KeyError when it cannot be used
 */
export async function openExternalKeyRing(
  settings: ExternalKeySettings,
  deps: ExternalKeyDeps,
): Promise<KeyRing> {
  if ('pkcs11' in settings) return openPkcs11KeyRing(settings.pkcs11, deps);
  return openTransitKeyRing(settings.vaultTransit, deps);
}
