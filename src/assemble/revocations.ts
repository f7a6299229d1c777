import type { Configuration } from '../config/schema/configuration.ts';
import { refuse } from '../exchange/refusals.ts';
import type { ReuseCache } from '../exchange/reuse.ts';
import type { RevocationGate } from '../exchange/revocation-gate.ts';
import type { Route } from '../exchange/route.ts';
import type { Json } from '../exchange/types.ts';
import type { Revocation, Revocations } from '../state/revocations.ts';
import type { RuleTableSettings } from '../state/rule-table.ts';
import { issuedToken } from '../tokens/refuse-revoked.ts';

/** @returns what rules must know of the configuration */
export function ruleSettings(
  { credentials }: Configuration,
  routes: readonly Route[],
): RuleTableSettings {
  const bearers = credentials.flatMap(({ bearer }) => bearer ?? []);
  const skews = bearers.map(({ verify, clock_skew: own = 0 }) => verify?.clock_skew ?? own);
  return {
    tokensCarrySubject: bearers.length === 0 || routes.every(({ token }) => keepsSubject(token)),
    clockSkew: Math.max(0, ...skews),
  };
}

function keepsSubject({ copy, drop, claims }: Route['token']): boolean {
  const copied = copy === 'all' || (copy !== 'none' && copy.has('sub'));
  return copied && !drop.has('sub') && claims.every(({ name }) => name !== 'sub');
}

/** How long (seconds) a rule is kept: at least as long as the tokens it covers can live. */
export function ruleLife({ state }: Configuration, routes: readonly Route[]): number {
  const longest = Math.max(0, ...routes.map(({ token }) => token.expiresIn));
  return Math.max(state.keep_rules, longest + 60);
}

/** @returns what keeps revoked tokens from being handed out again; a rule may cover any of them */
export function forgetRevoked(reuse: ReuseCache): (entry: Revocation) => void {
  return (entry) => {
    if (entry.kind === 'token') reuse.revoke(entry.jti);
    else reuse.clear();
  };
}

export interface RevocationGateDeps {
  readonly revocations: Revocations;
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function createRevocationGate({
  revocations,
  issuer,
  now,
}: RevocationGateDeps): RevocationGate {
  return {
    refuse({ claims, clientId, credential }) {
      const { iss, sub, iat } = claims;
      const facts = { issuer: textOf(iss), subject: textOf(sub), clientId };
      const issued = typeof iat === 'number' ? iat : undefined;
      if (revocations.refuses({ ...facts, iat: issued })) return refuse('revoked', 'by a rule');
      // Somebody may have made this service its own bearer issuer.
      if (iss !== issuer) return undefined;
      const header = credential['header'] as { readonly kid?: Json } | undefined;
      const revoked = revocations.isRevoked(issuedToken({ claims, kid: textOf(header?.kid) }));
      if (revoked === 'unavailable') return refuse('state_unavailable');
      return revoked ? refuse('revoked', 'a token of this service') : undefined;
    },
    untilIssuable(claims) {
      if (!revocations.isUnderRule(issuedToken({ claims, kid: undefined }))) return undefined;
      const restOfSecond = 1000 - (now() % 1000);
      return new Promise((resolve) => setTimeout(resolve, restOfSecond));
    },
  };
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
