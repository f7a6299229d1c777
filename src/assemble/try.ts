import { existsSync } from 'node:fs';
import type { LoadedConfiguration } from '../config/load.ts';
import { generatePrivateKey } from '../keys/generate.ts';
import { createKeyRing } from '../keys/key-ring.ts';
import { KeyStoreUnavailable } from '../keys/key-store-unavailable.ts';
import { fixedKeys, type KeySettings, type Keys, readKeyRing } from '../keys/open-keys.ts';
import { readAllTls } from '../listen-tls.ts';
import { createMemoryRevocations } from '../state/memory-revocations.ts';
import { assemble, type ServiceDeps } from './assemble.ts';

/**
 * Does all that serving would do before it listens, and changes nothing.
 *
 * @returns what an operator should know, such as an identity provider that cannot be reached
 * @throws ConfigurationError when serving would refuse to start
 */
export async function tryConfiguration(loaded: LoadedConfiguration): Promise<readonly string[]> {
  readAllTls(loaded);
  const notes: string[] = [];
  const note = (fields: object, message: string) => {
    notes.push(`warning: ${message} ${JSON.stringify(fields)}`);
  };
  const service = await assemble(loaded, {
    openRevocations: async (_settings, rules) => createMemoryRevocations(rules),
    now: Date.now,
    log: { info() {}, warn: note },
    onDecision() {},
    onError() {},
    openKeys: readOnlyKeys((text) => notes.push(text)),
  });
  await service.start();
  await service.close();
  return notes;
}

/**
 * Opens the keys and changes nothing: a directory that is not there is not made, and a key of this
 * moment stands in for the one it would get.
 *
 * @param note told when that is so
 */
export function readOnlyKeys(note: (text: string) => void): ServiceDeps['openKeys'] {
  return async (settings) => {
    if (isMissing(settings)) {
      note(`note: ${settings.directory} will be made at first start, with a key`);
      return ephemeralKeys(settings);
    }
    if ('state' in settings && settings.replicas === 'own') return ephemeralKeys(settings);
    try {
      return fixedKeys(await readKeyRing(settings));
    } catch (error) {
      if (!(error instanceof KeyStoreUnavailable)) throw error;
      note(`warning: ${error.message}`);
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
