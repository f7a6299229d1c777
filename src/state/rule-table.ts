import type { BearerCredential, IssuedToken, RevocationRule } from './revocations.ts';

export interface RuleTableSettings {
  /**
   * Every token that is made from a bearer credential carries its `sub`. Otherwise a rule about a
   * subject cannot tell our tokens apart, and covers them all.
   */
  readonly tokensCarrySubject: boolean;
  /**
   * Seconds that an issuer's clock may be ahead: so much later a bearer credential may seem to have
   * been issued.
   */
  readonly clockSkew: number;
}

/** The rules in memory, and what they cover. Knows no time: a store says what to forget. */
export interface RuleTable {
  /** Judges by other settings from now on. */
  judgeBy(settings: RuleTableSettings): void;
  /** @returns whether the rule says anything new */
  add(rule: RevocationRule): boolean;
  /** Forgets a rule, unless one with a later `until` has taken its place. */
  forget(rule: RevocationRule): void;
  /** All that are held; the table may change meanwhile. */
  rules(): Iterable<RevocationRule>;
  /** @returns how many are held */
  size(): number;
  coversToken(token: IssuedToken): boolean;
  coversCredential(credential: BearerCredential): boolean;
}

interface Times {
  readonly upTo: number;
  readonly until: number;
}

/** @returns an empty table */
export function createRuleTable(settings: RuleTableSettings): RuleTable {
  let { tokensCarrySubject, clockSkew } = settings;
  /** By subject, then by issuer. */
  const subjects = new Map<string, Map<string, Times>>();
  const others = {
    client: new Map<string, Times>(),
    key: new Map<string, Times>(),
    all: new Map<string, Times>(),
  };
  /** The latest time that a rule about a subject names, since there was none. */
  let subjectsUpTo = Number.NEGATIVE_INFINITY;

  return {
    judgeBy(next) {
      // Tokens that were made without a subject may live on.
      tokensCarrySubject &&= next.tokensCarrySubject;
      clockSkew = next.clockSkew;
    },
    add(rule) {
      if (rule.kind !== 'subject') return addTimes(others[rule.kind], nameOf(rule), rule);
      const issuers = subjects.get(rule.subject) ?? new Map<string, Times>();
      subjects.set(rule.subject, issuers);
      subjectsUpTo = Math.max(subjectsUpTo, rule.upTo);
      return addTimes(issuers, rule.issuer, rule);
    },
    forget(rule) {
      if (rule.kind !== 'subject') {
        forgetTimes(others[rule.kind], nameOf(rule), rule);
        return;
      }
      const issuers = subjects.get(rule.subject) ?? new Map<string, Times>();
      forgetTimes(issuers, rule.issuer, rule);
      if (issuers.size === 0) subjects.delete(rule.subject);
      if (subjects.size === 0) subjectsUpTo = Number.NEGATIVE_INFINITY;
    },
    *rules() {
      for (const [subject, issuers] of subjects) {
        for (const [issuer, times] of issuers) yield { kind: 'subject', issuer, subject, ...times };
      }
      for (const [clientId, times] of others.client) yield { kind: 'client', clientId, ...times };
      for (const [kid, times] of others.key) yield { kind: 'key', kid, ...times };
      for (const times of others.all.values()) yield { kind: 'all', ...times };
    },
    size() {
      let count = others.client.size + others.key.size + others.all.size;
      for (const issuers of subjects.values()) count += issuers.size;
      return count;
    },
    coversToken({ subject, clientId, kid, iat }) {
      const issued = issuedAt(iat);
      if (covers(others.all.get(everything), issued)) return true;
      if (kid !== undefined && covers(others.key.get(kid), issued)) return true;
      if (clientId !== undefined && covers(others.client.get(clientId), issued)) return true;
      if (!tokensCarrySubject) return subjects.size > 0 && issued <= subjectsUpTo;
      return subject !== undefined && coversAny(subjects.get(subject), issued);
    },
    coversCredential({ issuer, subject, clientId, iat }) {
      const issued = issuedAt(iat) - clockSkew;
      if (covers(others.all.get(everything), issued)) return true;
      if (covers(others.client.get(clientId), issued)) return true;
      const issuers = subject === undefined ? undefined : subjects.get(subject);
      if (issuer === undefined) return coversAny(issuers, issued);
      return covers(issuers?.get(issuer), issued);
    },
  };
}

const everything = '';

function nameOf(rule: Exclude<RevocationRule, { kind: 'subject' }>): string {
  if (rule.kind === 'client') return rule.clientId;
  return rule.kind === 'key' ? rule.kid : everything;
}

/** Rules name whole seconds: what was issued within the second that a rule names is covered too. */
function issuedAt(iat: number | undefined): number {
  return iat === undefined ? Number.NEGATIVE_INFINITY : Math.floor(iat);
}

function covers(rule: Times | undefined, issued: number): boolean {
  return rule !== undefined && issued <= rule.upTo;
}

/** Tokens do not say which issuer their `sub` came from, so that one of any issuer is covered. */
function coversAny(issuers: ReadonlyMap<string, Times> | undefined, issued: number): boolean {
  if (issuers === undefined) return false;
  for (const rule of issuers.values()) if (covers(rule, issued)) return true;
  return false;
}

/** Of two rules with one target the later times hold: rather too much is revoked than too little. */
function addTimes(rules: Map<string, Times>, key: string, { upTo, until }: Times): boolean {
  const known = rules.get(key);
  if (known !== undefined && known.upTo >= upTo && known.until >= until) return false;
  rules.set(key, {
    upTo: Math.max(upTo, known?.upTo ?? upTo),
    until: Math.max(until, known?.until ?? until),
  });
  return true;
}

function forgetTimes(rules: Map<string, Times>, key: string, { until }: Times): void {
  const known = rules.get(key);
  if (known !== undefined && known.until <= until) rules.delete(key);
}
