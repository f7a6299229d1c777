import type { BearerCredential, IssuedToken, Revocation, RevokedToken } from './revocations.ts';
import { createRuleTable, type RuleTableSettings } from './rule-table.ts';

/** All entries in memory, and the answers that they give. Knows no time: a store says what to forget. */
export interface RevocationTable {
  /** @returns whether the entry says anything new */
  add(entry: Revocation): boolean;
  /** Forgets an entry, unless one with a later `until` has taken its place. */
  forget(entry: Revocation): void;
  /** All that are held; the table may change meanwhile. */
  entries(): Iterable<Revocation>;
  /** @returns how many are held */
  size(): { readonly tokens: number; readonly rules: number };
  isRevoked(token: IssuedToken): boolean;
  isUnderRule(token: IssuedToken): boolean;
  refuses(credential: BearerCredential): boolean;
  judgeBy(settings: RuleTableSettings): void;
}

/** @returns an empty table */
export function createRevocationTable(settings: RuleTableSettings): RevocationTable {
  const tokens = new Map<string, number>();
  const rules = createRuleTable(settings);
  return {
    add: (entry) => (entry.kind === 'token' ? addToken(tokens, entry) : rules.add(entry)),
    forget(entry) {
      if (entry.kind !== 'token') rules.forget(entry);
      else if ((tokens.get(entry.jti) ?? 0) <= entry.until) tokens.delete(entry.jti);
    },
    *entries() {
      for (const [jti, until] of tokens) yield { kind: 'token', jti, until };
      yield* rules.rules();
    },
    size: () => ({ tokens: tokens.size, rules: rules.size() }),
    isRevoked: (token) =>
      (token.jti !== undefined && tokens.has(token.jti)) || rules.coversToken(token),
    isUnderRule: rules.coversToken,
    refuses: rules.coversCredential,
    judgeBy: rules.judgeBy,
  };
}

function addToken(tokens: Map<string, number>, { jti, until }: RevokedToken): boolean {
  const known = tokens.get(jti);
  if (known !== undefined && known >= until) return false;
  tokens.set(jti, until);
  return true;
}
