import type { RuleTableSettings } from './rule-table.ts';

/**
 * What was revoked, and the rules for it. Every store keeps these entries and answers by
 * `RevocationTable`; they differ in where the entries last, and in who else sees them.
 */

/** One token of ours, by its `jti`: several texts decode to the same token, so never by its text. */
export interface RevokedToken {
  readonly kind: 'token';
  readonly jti: string;
  /** NumericDate, seconds; after it the entry may be forgotten. */
  readonly until: number;
}

/** Everything of one subject, client or key, or everything at all, that was issued up to a time. */
export type RevocationRule = RuleTarget & {
  /** NumericDate, whole seconds; never later than when the rule was made. */
  readonly upTo: number;
  /** NumericDate, seconds; after it the entry may be forgotten. */
  readonly until: number;
};

export type RuleTarget =
  /** `issuer` and `subject` are `iss` and `sub` of the credential that a token was made from. */
  | { readonly kind: 'subject'; readonly issuer: string; readonly subject: string }
  | { readonly kind: 'client'; readonly clientId: string }
  /** Only our own tokens: those that the key signed. */
  | { readonly kind: 'key'; readonly kid: string }
  | { readonly kind: 'all' };

export type Revocation = RevokedToken | RevocationRule;

/** What of a token of ours decides whether it was revoked. */
export interface IssuedToken {
  readonly jti: string | undefined;
  /** `sub`; undefined when the token has none. */
  readonly subject: string | undefined;
  readonly clientId: string | undefined;
  readonly kid: string | undefined;
  /** NumericDate; undefined counts as issued before any rule. */
  readonly iat: number | undefined;
}

/** What of a bearer credential decides whether a rule keeps it from being exchanged. */
export interface BearerCredential {
  /** `iss`; undefined when it is not known, which counts as any. */
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly clientId: string;
  /** NumericDate, by the issuer's clock; undefined counts as issued before any rule. */
  readonly iat: number | undefined;
}

/** How it stands with what was revoked, for whoever watches. */
export interface RevocationsStatus {
  readonly store: 'memory' | 'lmdb' | 'redis';
  /** How many are held, of each sort. */
  readonly tokens: number;
  readonly rules: number;
  /** Why the store cannot be read or written, as far as is known; those in memory answer. */
  readonly problem: string | undefined;
  /** Milliseconds since the others' were last read; undefined where there are no others. */
  readonly age: number | undefined;
}

/**
 * Where revocations are kept. Lookups are synchronous: they are part of every introspection and of
 * every fresh decision, and answer from memory whatever the store does meanwhile.
 */
export interface Revocations {
  /** @returns `unavailable` when the store was never read, so that nobody knows */
  isRevoked(token: IssuedToken): boolean | 'unavailable';
  /** Is there a rule that a token of ours with these facts falls under? Never about a `jti`. */
  isUnderRule(token: IssuedToken): boolean;
  /** @returns whether a rule keeps the credential from being exchanged, as far as is known */
  refuses(credential: BearerCredential): boolean;
  /**
   * Resolves when the entry is durable; lookups and listeners know it then. A repeated one changes
   * nothing; of two rules with one target the later times hold.
   *
   * @throws StateError when it could not be made durable, and then it does not hold
   */
  revoke(entry: Revocation): Promise<void>;
  /** Calls the listener for every new entry, wherever it was made, before `revoke` resolves. */
  onChange(listener: (entry: Revocation) => void): void;
  status(): RevocationsStatus;
  /** Judges by other settings from now on: the configuration is another one. */
  judgeBy(settings: RuleTableSettings): void;
  close(): Promise<void>;
}
