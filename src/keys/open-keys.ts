import { createDirectoryStore } from './directory-store.ts';
import {
  type ExternalKeyDeps,
  type ExternalKeySettings,
  isExternal,
  openExternalKeyRing,
  unheard,
} from './external/open.ts';
import { readPrivateKey } from './jwk-file.ts';
import { type KeyStatus, openKeyKeeper } from './keeper.ts';
import { KeyError } from './key-error.ts';
import type { KeyEvent } from './key-events.ts';
import { readKeyFile } from './key-file.ts';
import { createKeyRing, type KeyRing } from './key-ring.ts';
import type { RedisKeySettings, WaitingDeps } from './open-redis-keys.ts';
import { type RotationPolicy, signingFirst } from './rotation.ts';
import type { SigningAlgorithm } from './signer.ts';

/** Where the keys are. `algorithm` is for new keys, and for keys that name none. */
export type KeySettings = { readonly algorithm: SigningAlgorithm } & (
  | { readonly directory: string; readonly policy: RotationPolicy }
  | RedisKeySettings
  | { readonly privateKeyFile: string }
  | { readonly privateKey: string }
  | ExternalKeySettings
);

/** The keys of a running service. */
export interface Keys {
  /** Always what is current. */
  readonly ring: KeyRing;
  /** Milliseconds that verifiers may keep the JWKS. */
  readonly jwksMaxAge: number;
  /** Begins to change keys when their time has come. */
  start(): void;
  /**
   * Changes keys by another policy from now on, with the same `publishAhead`; nothing for keys that
   * are never changed.
   */
  rotateBy(policy: RotationPolicy): void;
  /** Undefined when keys are never changed. */
  status(): KeyStatus | undefined;
  close(): Promise<void>;
}

export interface OpenKeysDeps extends Omit<ExternalKeyDeps, 'now'> {
  /** Milliseconds since the epoch; see `createSteadyClock`. */
  readonly now: () => number;
  readonly onKeyEvent: (event: KeyEvent) => void;
  readonly waiting: WaitingDeps;
}

/**
 * Opens the keys for serving; a key directory is made, with a key in it, when there is none.
 *
 * @throws KeyError when there is no sound key
 */
export async function openKeys(settings: KeySettings, deps: OpenKeysDeps): Promise<Keys> {
  if (isExternal(settings)) return fixedKeys(await openExternalKeyRing(settings, deps));
  const { now, onDropped, onKeyEvent: log, waiting } = deps;
  if ('state' in settings) {
    const { openRedisKeys } = await import('./open-redis-keys.ts');
    return openRedisKeys(settings, { now, onDropped, log, waiting });
  }
  if (!('directory' in settings)) return fixedKeys(await readKeyRing(settings));
  const { directory, policy } = settings;
  const store = createDirectoryStore(directory);
  const keeper = await openKeyKeeper({ store, policy, now, onDropped, log });
  await keeper.tick();
  return { ...keeper, jwksMaxAge: policy.jwksMaxAge };
}

/** Keys that nobody here changes. */
export function fixedKeys(ring: KeyRing): Keys {
  return {
    ring,
    jwksMaxAge: 300_000,
    start() {},
    rotateBy() {},
    status: () => undefined,
    async close() {
      ring.close?.();
    },
  };
}

/**
 * Reads the keys and changes nothing.
 *
 * @throws KeyError when there is no sound key
 */
export async function readKeyRing(
  settings: { readonly directory: string } | ExternalKeySettings | KeySettings,
): Promise<KeyRing> {
  if (isExternal(settings)) return openExternalKeyRing(settings, unheard);
  if ('state' in settings) {
    const { readRedisKeyRing } = await import('./open-redis-keys.ts');
    return readRedisKeyRing(settings);
  }
  if ('directory' in settings) {
    const ring = await createDirectoryStore(settings.directory).read();
    if (ring === undefined) throw new KeyError(`${settings.directory}: there are no keys`);
    return createKeyRing(signingFirst(ring));
  }
  if ('privateKey' in settings) {
    return createKeyRing([readPrivateKey(settings.privateKey, settings.algorithm)]);
  }
  const { contents } = await readKeyFile(settings.privateKeyFile);
  try {
    return createKeyRing([readPrivateKey(contents.toString('utf8'), settings.algorithm)]);
  } catch (error) {
    throw new KeyError(`${settings.privateKeyFile}: ${(error as Error).message}`);
  }
}
