import { LRUCache } from 'lru-cache';
import type { ReuseRules } from './route.ts';
import type { Allowed, Decision, OriginalRequest } from './types.ts';

/**
 * Tokens that may be handed out again. A key names every input of the decision, so a hit answers
 * what deciding anew would have answered, but for `iat`, `exp` and `jti`.
 */
export interface ReuseCache {
  /** @param now milliseconds since the epoch */
  get(key: string, now: number): Allowed | undefined;
  /** @returns the decision of an identical request in flight */
  inFlight(key: string): Promise<Decision> | undefined;
  /** Decides for all identical requests that come meanwhile; the answer is kept as `until` says. */
  share(key: string, decide: () => Promise<Kept>): Promise<Decision>;
  /** Never hands out the token with this `jti` again. */
  revoke(jti: string): void;
  /** @returns how many tokens are kept */
  size(): number;
  /** Forgets everything, also what is being decided now: keys, accounts or issuer keys changed. */
  clear(): void;
}

export interface Kept {
  readonly decision: Decision;
  /** Milliseconds since the epoch; 0 to keep nothing. */
  readonly until: number;
}

/** How many revoked tokens are looked for on each hit, before all entries are gone through for them. */
const revokedAtMost = 1000;

/** Objects, map slots and strings' own headers, about, in bytes. */
const entryOverhead = 600;

export function createReuseCache(bounds: {
  readonly maxEntries: number;
  readonly maxBytes: number;
}): ReuseCache {
  const entries = new LRUCache<string, { allowed: Allowed; until: number }>({
    max: bounds.maxEntries,
    maxSize: bounds.maxBytes,
    sizeCalculation: ({ allowed }, key) =>
      entryOverhead + key.length + 2 * allowed.token.jwt.length,
  });
  const deciding = new Map<string, Promise<Decision>>();
  /** An index by `jti` would cost every token; this costs a hit next to nothing. */
  const revoked = new Set<string>();
  let epoch = 0;

  function removeRevoked(): void {
    for (const [key, { allowed }] of entries) {
      if (revoked.has(allowed.token.jti)) entries.delete(key);
    }
    revoked.clear();
  }

  async function decideAndKeep(key: string, decide: () => Promise<Kept>): Promise<Decision> {
    const begun = epoch;
    try {
      const { decision, until } = await decide();
      if (decision.allowed && until > 0 && begun === epoch) {
        entries.set(key, { allowed: decision, until });
      }
      return decision;
    } finally {
      if (begun === epoch) deciding.delete(key);
    }
  }

  return {
    get(key, now) {
      const entry = entries.get(key);
      if (entry === undefined || now >= entry.until) return undefined;
      return revoked.has(entry.allowed.token.jti) ? undefined : entry.allowed;
    },
    inFlight: (key) => deciding.get(key),
    share(key, decide) {
      const decision = decideAndKeep(key, decide);
      deciding.set(key, decision);
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
): string {
  let key = `${rules.routeIndex} ${request.gateway} ${kind}${part(text)}`;
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
  return key;
}

function part(value: string | undefined): string {
  return value === undefined ? ' -' : ` ${value.length}:${value}`;
}
