import { createHash, type KeyObject } from 'node:crypto';
import { readPublicJwk, type VerificationKey } from './public-jwk.ts';

const maxKeys = 100;

/** The usable keys of one JWK set, indexed. Immutable. */
export interface KeySet {
  /** @returns the key for a JOSE header; without `kid` only when exactly one fits `alg` */
  find(alg: string, kid: string | undefined): KeyObject | undefined;
  /** Whether a usable key has this id, for whatever algorithm. */
  knows(kid: string): boolean;
  readonly size: number;
  /** Equal for two sets with the same usable keys. */
  readonly fingerprint: string;
  /** The keys that are of no use here, each with its place in the set and the reason. */
  readonly skipped: readonly string[];
}

export type KeySetReading =
  | { readonly ok: true; readonly set: KeySet }
  | { readonly ok: false; readonly reason: string };

/** The keys for one algorithm. */
interface Candidates {
  readonly byKid: Map<string, KeyObject>;
  readonly all: KeyObject[];
}

/**
 * Reads a JWK set (RFC 7517 §5). Keys that cannot be used are left out, as the RFC asks. Of keys
 * with the same `kid`, the first one that fits an algorithm serves it. Never throws.
 *
 * @param algorithms the JWS algorithms that the configuration accepts
 */
export function readKeySet(
  document: Readonly<Record<string, unknown>>,
  algorithms: readonly string[],
): KeySetReading {
  const { keys } = document;
  if (!Array.isArray(keys)) return { ok: false, reason: 'it has no keys' };
  if (keys.length > maxKeys) return { ok: false, reason: `it has more than ${maxKeys} keys` };
  const usable: VerificationKey[] = [];
  const skipped: string[] = [];
  for (const [place, jwk] of keys.entries()) {
    const key = readPublicJwk(jwk, algorithms);
    if (typeof key === 'string') skipped.push(`keys[${place}]: ${key}`);
    else usable.push(key);
  }
  return { ok: true, set: indexKeys(usable, skipped) };
}

function indexKeys(usable: readonly VerificationKey[], skipped: readonly string[]): KeySet {
  const index = new Map<string, Candidates>();
  const facts: string[] = [];
  for (const { kid, key, algorithms } of usable) {
    const spki = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }));
    const thumbprint = spki.digest('base64url');
    for (const alg of algorithms) {
      if (addCandidate(index, { alg, kid, key }))
        facts.push(JSON.stringify([alg, kid, thumbprint]));
    }
  }
  const kids = new Set(usable.map(({ kid }) => kid));
  return {
    find: (alg, kid) => findKey(index.get(alg), kid),
    knows: (kid) => kids.has(kid),
    size: new Set([...index.values()].flatMap(({ all }) => all)).size,
    fingerprint: facts.sort().join('\n'),
    skipped,
  };
}

/** @returns whether the key was added; the first key of an id and algorithm keeps its place */
function addCandidate(
  index: Map<string, Candidates>,
  { alg, kid, key }: { alg: string; kid: string | undefined; key: KeyObject },
): boolean {
  const candidates: Candidates = index.get(alg) ?? { byKid: new Map(), all: [] };
  index.set(alg, candidates);
  if (kid !== undefined) {
    if (candidates.byKid.has(kid)) return false;
    candidates.byKid.set(kid, key);
  }
  candidates.all.push(key);
  return true;
}

function findKey(
  candidates: Candidates | undefined,
  kid: string | undefined,
): KeyObject | undefined {
  if (kid !== undefined) return candidates?.byKid.get(kid);
  return candidates?.all.length === 1 ? candidates.all[0] : undefined;
}
