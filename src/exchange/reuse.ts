import { LRUCache } from 'lru-cache';
import type { ReuseRules } from './route.ts';
import type { Allowed, Decision, OriginalRequest } from './types.ts';

/**
 * Tokens that may be handed out again. A key names every input of the decision, so a hit answers
 * what deciding anew would have answered, but for `iat`, `exp` and `jti`.
 */
export interface ReuseCache {
  /** @param now milliseconds since the epoch */
  get(key: ReuseKey, now: number): Allowed | undefined;
  /** @returns the decision of an identical request in flight */
  inFlight(key: ReuseKey): Promise<Decision> | undefined;
  /** Decides for all identical requests that come meanwhile; the answer is kept as `until` says. */
  share(key: ReuseKey, decide: () => Promise<Kept>): Promise<Decision>;
  /** Never hands out the token with this `jti` again. */
  revoke(jti: string): void;
  /** @returns how many tokens are kept */
  size(): number;
  /** Forgets everything, also what is being decided now: keys, accounts or issuer keys changed. */
  clear(): void;
}

/**
 * Names every input of a decision: two are the same when both members are. A table is looked up by
 * `index` alone, since hashing a whole token for each request costs more than comparing it.
 */
export interface ReuseKey {
  readonly index: string;
  /** What is not in the index as a whole. */
  readonly credential: string;
}

export interface Kept {
  readonly decision: Decision;
  /** Milliseconds since the epoch; 0 to keep nothing. */
  readonly until: number;
}

interface Entry {
  readonly allowed: Allowed;
  readonly until: number;
  readonly credential: string;
}

interface Deciding {
  readonly credential: string;
  readonly decision: Promise<Decision>;
}

/** How many revoked tokens are looked for on each hit, before all entries are gone through for them. */
const revokedAtMost = 1000;

/** Objects, map slots and strings' own headers, about, in bytes. */
const entryOverhead = 600;

export function createReuseCache(bounds: {
  readonly maxEntries: number;
  readonly maxBytes: number;
}): ReuseCache {
  const entries = new LRUCache<string, Entry>({
    max: bounds.maxEntries,
    maxSize: bounds.maxBytes,
    sizeCalculation: ({ allowed, credential }, index) =>
      entryOverhead + index.length + credential.length + 2 * allowed.token.jwt.length,
  });
  const deciding = new Map<string, Deciding>();
  /** An index by `jti` would cost every token; this costs a hit next to nothing. */
  const revoked = new Set<string>();
  let epoch = 0;

  function removeRevoked(): void {
    for (const [index, { allowed }] of entries) {
      if (revoked.has(allowed.token.jti)) entries.delete(index);
    }
    revoked.clear();
  }

  async function decideAndKeep(
    { index, credential }: ReuseKey,
    decide: () => Promise<Kept>,
  ): Promise<Decision> {
    const begun = epoch;
    try {
      const { decision, until } = await decide();
      if (decision.allowed && until > 0 && begun === epoch) {
        entries.set(index, { allowed: decision, until, credential });
      }
      return decision;
    } finally {
      if (begun === epoch && deciding.get(index)?.credential === credential) deciding.delete(index);
    }
  }

  return {
    get({ index, credential }, now) {
      const entry = entries.get(index);
      if (entry === undefined || now >= entry.until) return undefined;
      if (entry.credential !== credential) return undefined;
      return revoked.has(entry.allowed.token.jti) ? undefined : entry.allowed;
    },
    inFlight({ index, credential }) {
      const running = deciding.get(index);
      return running?.credential === credential ? running.decision : undefined;
    },
    share(key, decide) {
      const decision = decideAndKeep(key, decide);
      deciding.set(key.index, { credential: key.credential, decision });
      return decision;
    },
    revoke(jti) {
      revoked.add(jti);
      if (revoked.size >= revokedAtMost) removeRevoked();
    },
    size: () => entries.size,
    clear() {
      epoch++;
      revoked.clear();
      entries.clear();
      deciding.clear(); // whoever comes now decides by the new state
    },
  };
}

/** The end of a bearer token is its signature, or random: what tells tokens apart. */
const tokenEnd = 48;

/**
 * Every part carries its length, so that no value can pass for two.
 *
 * @param kind of the credential, and `text` as it came
 */
export function reuseKey(
  rules: ReuseRules,
  request: OriginalRequest,
  kind: string,
  text: string,
): ReuseKey {
  const shown = kind === 'bearer' ? text.slice(-tokenEnd) : text;
  let key = `${rules.routeIndex} ${request.gateway} ${kind}${part(shown)}`;
  if (request.certificate !== undefined && kind !== 'client_certificate') {
    key += `c${part(request.certificate)}`;
  }
  if (request.upstreamUrl !== undefined) key += `u${part(request.upstreamUrl)}`;
  if (request.consumer !== undefined) {
    const { id, custom_id, username, credential_identifier, anonymous } = request.consumer;
    key += anonymous ? ' anonymous' : ' consumer';
    key += `${part(id)}${part(custom_id)}${part(username)}${part(credential_identifier)}`;
  }
  if (rules.host) key += part(request.host);
  if (rules.scheme) key += part(request.scheme);
  if (rules.method) key += part(request.method);
  if (rules.path) key += part(request.path);
  if (rules.query) key += part(request.query);
  for (const name of rules.headers) key += part(request.headers.get(name));
  return { index: key, credential: text };
}

function part(value: string | undefined): string {
  return value === undefined ? ' -' : ` ${value.length}:${value}`;
}
