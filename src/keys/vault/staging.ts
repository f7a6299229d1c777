import type { KeyVersion } from './key-versions.ts';

/** A version, and since when (milliseconds since the epoch) the JWKS has shown it. */
export interface PublishedVersion extends KeyVersion {
  readonly publishedAt: number;
}

/**
 * Says since when each version is published. Those of the first reading count from their creation:
 * the other replicas show them since then, and if there was nobody who did, then nobody could fetch
 * a JWKS without them either. A version that comes up later counts from now.
 *
 * @param before what an earlier reading gave; undefined at the first
 */
export function datePublication(
  versions: readonly KeyVersion[],
  before: readonly PublishedVersion[] | undefined,
  now: number,
): readonly PublishedVersion[] {
  return versions.map((version) => {
    // By its name: a key that was deleted and made anew starts again at version 1.
    const known = before?.find(({ kid }) => kid === version.kid);
    const publishedAt = before ? now : Math.min(version.createdAt, now);
    return { ...version, publishedAt: known?.publishedAt ?? publishedAt };
  });
}

/**
 * @returns the version that signs: the newest that is published for long enough; when none is, the
 *   oldest; undefined when Vault lets none sign
 */
export function chooseVersion<Version extends PublishedVersion>(
  versions: readonly Version[],
  publishAheadMs: number,
  now: number,
): Version | undefined {
  const able = versions.filter(({ maySign }) => maySign);
  const known = able.filter(({ publishedAt }) => now - publishedAt >= publishAheadMs);
  return known.at(-1) ?? able[0];
}
