import type { Signer } from '../../exchange/types.ts';
import type { Log } from '../../issuers/log.ts';
import { publishedJwks } from '../external/public-key.ts';
import { checkSigner } from '../external/self-check.ts';
import { KeyError } from '../key-error.ts';
import type { KeyRing } from '../key-ring.ts';
import type { VaultClient } from './client.ts';
import { type KeyVersion, readKeyVersions } from './key-versions.ts';
import type { VaultTransitSettings } from './settings.ts';
import { chooseVersion, datePublication, type PublishedVersion } from './staging.ts';

/** What a key was when it was last read; replaced as a whole. */
export interface Reading {
  /** Oldest first. */
  readonly versions: readonly PublishedVersion[];
  readonly signing: PublishedVersion;
  readonly signer: Signer;
  readonly publicKeys: KeyRing['publicKeys'];
}

export interface ReaderDeps {
  readonly settings: VaultTransitSettings;
  readonly client: VaultClient;
  readonly createSigner: (version: KeyVersion) => Signer;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
}

/**
 * @returns a function that reads the versions of the key, after an earlier reading if there was
 *   one. It throws KeyError when Vault does not answer, or the key cannot sign.
 */
export function createReader(deps: ReaderDeps) {
  const { settings, client } = deps;
  return async (before?: Reading): Promise<Reading> => {
    const answer = await client.ask({ path: `${settings.mount}/keys/${settings.key}` });
    if (!answer.ok) throw new KeyError(answer.reason);
    const found = readKeyVersions(answer.data, settings.algorithm);
    const versions = datePublication(found, before?.versions, deps.now());
    const isSame = before && kidsOf(before.versions) === kidsOf(versions);
    return {
      versions,
      ...(await takeSigner(deps, versions, before)),
      publicKeys: isSame ? before.publicKeys : publishedJwks(versions),
    };
  };
}

/** A version signs after a probe has shown that it does; until then the one before goes on. */
async function takeSigner(
  { settings, createSigner, now, log }: ReaderDeps,
  versions: readonly PublishedVersion[],
  before: Reading | undefined,
): Promise<Pick<Reading, 'signing' | 'signer'>> {
  const signing = chooseVersion(versions, settings.publishAheadMs, now());
  if (signing === undefined) throw new KeyError('Vault lets no version of the key sign');
  if (before?.signing.kid === signing.kid) return { signing, signer: before.signer };
  const signer = createSigner(signing);
  try {
    await checkSigner(signer, signing);
    return { signing, signer };
  } catch (error) {
    const goesOn = before && versions.some(({ kid }) => kid === before.signing.kid);
    if (!goesOn) throw error;
    log.warn({ reason: (error as Error).message }, 'a new version of the signing key fails');
    return { signing: before.signing, signer: before.signer };
  }
}

function kidsOf(versions: readonly PublishedVersion[]): string {
  return versions.map(({ kid }) => kid).join();
}
