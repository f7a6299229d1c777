import { randomUUID } from 'node:crypto';
import { audienceOf, describe, type HostFilter } from './audience.ts';
import type { ExpressionContext } from './expressions.ts';
import { isRefused, refuse } from './refusals.ts';
import type { TokenRules } from './route.ts';
import type {
  Claims,
  Consumer,
  Json,
  JsonObject,
  OriginalRequest,
  Refused,
  Subject,
} from './types.ts';

/** The service sets these itself, over anything copied. */
export const ownedClaims = ['iss', 'iat', 'exp', 'jti', 'aud', 'client_id', 'act'] as const;
/** These speak about the source token or its session, and are wrong in any other token. */
export const uncopiedClaims = ['cnf', 'nbf', 'may_act', 'nonce', 'at_hash', 'sid'] as const;

const neverCopied: ReadonlySet<string> = new Set([
  ...ownedClaims.filter((name) => name !== 'act'),
  ...uncopiedClaims,
]);

/**
 * Copy, drop, map, then the claims the service owns.
 *
 * @param now seconds since the epoch
 * @returns the claims set of the new token; `exp` never lies beyond the source's own end
 */
export function createClaims({
  rules,
  subject,
  request,
  context,
  issuer,
  isUpstreamHost,
  now,
}: {
  readonly rules: TokenRules;
  readonly subject: Subject;
  readonly request: OriginalRequest;
  readonly context: () => ExpressionContext;
  readonly issuer: string;
  readonly isUpstreamHost: HostFilter;
  readonly now: number;
}): Claims | Refused {
  const exp = Math.min(now + rules.expiresIn, Math.floor(subject.expiresAt));
  if (exp <= now) return refuse('token_expired');
  const aud = audienceOf(rules.audience, request, context, isUpstreamHost);
  if (typeof aud === 'object' && isRefused(aud)) return aud;

  const claims: { [name: string]: Json } = copyClaims(rules, subject.claims);
  const failure = mapClaims(rules, claims, context);
  if (failure) return failure;
  claims['iss'] = issuer;
  claims['iat'] = now;
  claims['exp'] = exp;
  claims['jti'] = randomUUID();
  claims['aud'] = aud;
  claims['client_id'] = subject.clientId;
  const previous = rules.drop.has('act') ? undefined : subject.claims['act'];
  const act = nameActor(request.consumer, previous);
  if (act) claims['act'] = act;
  return claims;
}

function copyClaims({ copy, drop }: TokenRules, source: Claims): { [name: string]: Json } {
  const claims: { [name: string]: Json } = Object.create(null);
  if (copy === 'none') return claims;
  for (const name of Object.keys(source)) {
    const wanted = (copy === 'all' || copy.has(name)) && !drop.has(name) && !neverCopied.has(name);
    if (wanted) claims[name] = source[name] as Json;
  }
  return claims;
}

function mapClaims(
  rules: TokenRules,
  claims: { [name: string]: Json },
  context: () => ExpressionContext,
): Refused | undefined {
  for (const rule of rules.claims) {
    if ('value' in rule) {
      claims[rule.name] = rule.value;
      continue;
    }
    const result = rule.expression.evaluate(context());
    if ('value' in result) claims[rule.name] = result.value;
    else if ('failed' in result) return refuse('claim_failed', `${rule.name} ${describe(result)}`);
    else delete claims[rule.name]; // a missing member: the claim is left out
  }
  return undefined;
}

/**
 * The consumer acts for the subject; who acted before nests inside (RFC 8693 §4.1), whatever `copy`
 * says: the chain is not the caller's to cut.
 */
function nameActor(
  consumer: Consumer | undefined,
  previous: Json | undefined,
): JsonObject | undefined {
  const clientId = consumer?.custom_id ?? consumer?.id;
  if (consumer?.anonymous || clientId === undefined) return undefined;
  return { client_id: clientId, ...(previous !== undefined && { act: previous }) };
}
