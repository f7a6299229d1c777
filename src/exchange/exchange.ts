import type { HostFilter } from './audience.ts';
import { createClaims } from './claims.ts';
import { expressionContext } from './expression-context.ts';
import type { ExpressionContext } from './expressions.ts';
import type { CredentialFinder, FoundCredential } from './find-credential.ts';
import { mint, tokenLines, tooLarge } from './mint.ts';
import { isRefused, refuse } from './refusals.ts';
import { headerLines } from './request-headers.ts';
import { type Kept, type ReuseCache, reuseKey } from './reuse.ts';
import type { RevocationGate } from './revocation-gate.ts';
import type { Route } from './route.ts';
import type { Router } from './routes/router.ts';
import { tooManySignatures } from './signer-unavailable.ts';
import type { Claims, Decision, OriginalRequest, Refused, Signer, Subject } from './types.ts';

export interface ExchangeDeps {
  readonly findCredential: CredentialFinder;
  readonly router: Router<Route>;
  readonly reuse: ReuseCache;
  /** The key that signs now. */
  readonly signer: () => Signer;
  readonly revocations: RevocationGate;
  /** Counts what was done; read by whoever measures. */
  readonly counts: TokenCounts;
  readonly issuer: string;
  readonly isUpstreamHost: HostFilter;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface TokenCounts {
  /** Tokens handed out again. */
  reused: number;
  /** Tokens made. */
  signed: number;
}

/** Decides about one request; at once when a token can be reused or the answer is no. */
export type Exchange = (request: OriginalRequest) => Decision | Promise<Decision>;

/** The whole of Countersign: who is it, where to, what to say, sign or reuse. */
export function createExchange(deps: ExchangeDeps): Exchange {
  return (request) => {
    const found = deps.findCredential(request);
    if (found !== undefined && isRefused(found)) return found;
    const route = deps.router.find(request);
    if (isRefused(route)) return route;
    const unwelcome = refuseCaller(request, found, route);
    if (unwelcome) return unwelcome;

    const { reuse } = route;
    if (reuse === undefined) {
      return refuseOverload(deps) ?? decide(deps, request, route, found).then(decisionOf);
    }
    const key = reuseKey(reuse, request, found?.method.kind ?? 'anonymous', found?.text ?? '');
    const kept = deps.reuse.get(key, deps.now());
    if (kept !== undefined) {
      deps.counts.reused++;
      return kept;
    }
    const shared = deps.reuse.inFlight(key) ?? refuseOverload(deps);
    return shared ?? deps.reuse.share(key, () => decide(deps, request, route, found));
  };
}

function refuseCaller(
  request: OriginalRequest,
  found: FoundCredential | undefined,
  route: Route,
): Refused | undefined {
  if (found === undefined) {
    return route.anonymousClientId === undefined ? refuse('no_credential') : undefined;
  }
  if (request.consumer?.anonymous) return refuse('anonymous_consumer');
  // Without a consumer nothing shows that the gateway verified what it vouches for.
  const unproven = found.method.trusted && request.consumerRequired && !request.consumer;
  return unproven ? refuse('no_consumer') : undefined;
}

/** Before anything is verified: a flood must cost little. */
function refuseOverload({ signer }: ExchangeDeps): Refused | undefined {
  return signer().isFull?.() ? refuse('overloaded', tooManySignatures) : undefined;
}

/** Verify, require, make the claims, sign. */
async function decide(
  deps: ExchangeDeps,
  request: OriginalRequest,
  route: Route,
  found: FoundCredential | undefined,
): Promise<Kept> {
  const subject = found
    ? await found.method.identify(found.text, request)
    : anonymousSubject(route.anonymousClientId ?? '');
  if (isRefused(subject)) return keepNothing(subject);
  const revoked = found?.method.kind === 'bearer' ? deps.revocations.refuse(subject) : undefined;
  if (revoked) return keepNothing(revoked);
  const context = lazily(() => contextOf(request, route, subject));
  const unmet = checkRequirement(route, context);
  if (unmet) return keepNothing(unmet);

  const { token: rules } = route;
  const claims = await issuableClaims(deps, () => {
    const { issuer, isUpstreamHost } = deps;
    const now = Math.floor(deps.now() / 1000);
    return createClaims({ rules, subject, request, context, issuer, isUpstreamHost, now });
  });
  if (isRefused(claims)) return keepNothing(claims);
  const headers = headerLines(rules.headers, context);
  if (isRefused(headers)) return keepNothing(headers);
  const token = await mint(claims, deps.signer(), rules.jku);
  if (isRefused(token)) return keepNothing(token);
  deps.counts.signed++;
  const lines = tokenLines(token, rules, headers);
  if (lines === undefined) return keepNothing(tooLarge(claims));

  const decision: Decision = {
    allowed: true,
    token,
    headers: lines,
    clientId: subject.clientId,
    credential: found?.method.kind ?? 'anonymous',
    sourceJti: typeof subject.claims['jti'] === 'string' ? subject.claims['jti'] : undefined,
    route: route.name,
  };
  return { decision, until: reusableUntil(route, subject, token) };
}

/** The claims of a token that is not revoked from the start; see `RevocationGate`. */
async function issuableClaims(
  { revocations }: ExchangeDeps,
  make: () => Claims | Refused,
): Promise<Claims | Refused> {
  const claims = make();
  const until = isRefused(claims) ? undefined : revocations.untilIssuable(claims);
  if (until === undefined) return claims;
  await until;
  return make();
}

function checkRequirement(route: Route, context: () => ExpressionContext): Refused | undefined {
  if (route.require === undefined) return undefined;
  const result = route.require.evaluate(context());
  if ('value' in result && result.value === true) return undefined;
  return refuse('requirement', `route ${route.name}`);
}

/**
 * @returns until when (ms) the token is handed out again: while enough of its life is left, or to
 *   its end when a new one could not live longer; never beyond what the source allows
 */
function reusableUntil(
  route: Route,
  subject: Subject,
  { iat, exp }: { readonly iat: number; readonly exp: number },
): number {
  const endsWithSource = exp === Math.floor(subject.expiresAt);
  const used = endsWithSource ? 1 : 1 - (route.reuse?.remaining ?? 1);
  return Math.min((iat + used * (exp - iat)) * 1000, subject.reusableUntil);
}

function anonymousSubject(clientId: string): Subject {
  return {
    clientId,
    subject: clientId,
    claims: {},
    credential: { type: 'anonymous' },
    expiresAt: Number.POSITIVE_INFINITY,
    reusableUntil: Number.POSITIVE_INFINITY,
  };
}

function contextOf(request: OriginalRequest, route: Route, subject: Subject): ExpressionContext {
  const { clientId, claims, credential } = subject;
  const caller = { client_id: clientId, subject: subject.subject, claims, credential };
  return expressionContext({ request, inputs: route.inputs, caller, route: route.facts });
}

/** Most requests read no expression at all. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function keepNothing(decision: Decision): Kept {
  return { decision, until: 0 };
}

function decisionOf({ decision }: Kept): Decision {
  return decision;
}
