import { existsSync } from 'node:fs';
import type { LoadedConfiguration } from '../config/load.ts';
import type { IssuerKeysState } from '../issuers/issuer-keys.ts';
import { generatePrivateKey } from '../keys/generate.ts';
import { createKeyRing } from '../keys/key-ring.ts';
import { KeyStoreUnavailable } from '../keys/key-store-unavailable.ts';
import { fixedKeys, type KeySettings, type Keys, readKeyRing } from '../keys/open-keys.ts';
import { readAllTls } from '../listen-tls.ts';
import { createMemoryRevocations } from '../state/memory-revocations.ts';
import { assemble, type ServiceDeps } from './assemble.ts';

/** What an operator should know, though serving would start. */
export interface Note {
  readonly level: 'note' | 'warning';
  readonly text: string;
}

export interface TriedConfiguration {
  readonly notes: readonly Note[];
  /** About the keys: why none could be tried. */
  readonly keyNote: Note | undefined;
  /** The key that signs. */
  readonly kid: string;
  /** Issuers whose keys were fetched, or not. */
  readonly issuers: readonly { readonly issuer: string; readonly state: IssuerKeysState }[];
}

/**
 * Does all that serving would do before it listens, and changes nothing.
 *
 * @throws ConfigurationError when serving would refuse to start
 */
export async function tryConfiguration(loaded: LoadedConfiguration): Promise<TriedConfiguration> {
  readAllTls(loaded);
  const notes: Note[] = [];
  let keyNote: Note | undefined;
  const note = (fields: object, message: string) => {
    notes.push({ level: 'warning', text: `${message} ${JSON.stringify(fields)}` });
  };
  const service = await assemble(loaded, {
    openRevocations: async (_settings, rules) => createMemoryRevocations(rules),
    now: Date.now,
    log: { info() {}, warn: note },
    onDecision() {},
    onError() {},
    openKeys: readOnlyKeys((about) => {
      keyNote = about;
    }),
  });
  await service.start();
  const { kid } = service.keys.ring.signer;
  const issuers = service.sources.issuers.map(({ issuer, state }) => ({ issuer, state: state() }));
  await service.close();
  return { notes, keyNote, kid, issuers };
}

/**
 * Opens the keys and changes nothing: a directory that is not there is not made, and a key of this
 * moment stands in for the one it would get.
 *
 * @param note told when that is so
 */
export function readOnlyKeys(note: (note: Note) => void): ServiceDeps['openKeys'] {
  return async (settings) => {
    if (isMissing(settings)) {
      const text = `${settings.directory} will be made at first start, with a key`;
      note({ level: 'note', text });
      return ephemeralKeys(settings);
    }
    if ('state' in settings && settings.replicas === 'own') {
      note({ level: 'note', text: 'each replica makes its own' });
      return ephemeralKeys(settings);
    }
    try {
      return fixedKeys(await readKeyRing(settings));
    } catch (error) {
      if (!(error instanceof KeyStoreUnavailable)) throw error;
      note({ level: 'warning', text: error.message });
      return ephemeralKeys(settings);
    }
  };
}

function isMissing(settings: KeySettings): settings is KeySettings & { directory: string } {
  return 'directory' in settings && !existsSync(settings.directory);
}

async function ephemeralKeys({ algorithm }: KeySettings): Promise<Keys> {
  return fixedKeys(createKeyRing([await generatePrivateKey(algorithm)]));
}
