import { readCompactJws } from '../../compact-jws.ts';
import { isRefused, refuse } from '../../refusals.ts';
import type {
  Claims,
  Introspector,
  JsonObject,
  OriginalRequest,
  Refused,
  Subject,
} from '../../types.ts';
import { authorizationScheme, readBearerToken } from '../authorization-header.ts';
import type { CredentialMethod } from '../credential-method.ts';
import { type JwtIssuer, verifyJwt } from './bearer-jwt.ts';
import { type ClientIdRule, clientIdOf } from './client-id.ts';
import { checkConfirmation } from './confirmation.ts';
import { checkSourceClaims, type SourceRules } from './source-claims.ts';

/** What every bearer entry says, however its tokens are checked. */
export interface BearerRules extends SourceRules {
  readonly clientId: ClientIdRule;
}

export type BearerSettings = {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
} & (
  | { readonly trusted: TrustedBearer }
  | {
      readonly issuers: readonly (JwtIssuer & BearerRules)[];
      readonly introspection: (BearerRules & { readonly introspector: Introspector }) | undefined;
    }
);

export interface TrustedBearer extends BearerRules {
  /** JOSE `typ` values taken, lower case; undefined stands for an absent `typ`. */
  readonly types: ReadonlySet<string | undefined>;
}

/** Who a token speaks of, before the rules of its entry have named the client. */
interface CheckedToken {
  readonly rules: BearerRules;
  readonly claims: Claims;
  readonly credential: JsonObject;
  readonly reusableUntil: number;
}

/** Bearer tokens (RFC 6750): JWTs of known issuers, opaque ones by introspection. */
export function createBearerMethod(settings: BearerSettings): CredentialMethod {
  return {
    kind: 'bearer',
    trusted: 'trusted' in settings,
    find(request) {
      const value = request.headers.get('authorization');
      return value !== undefined && authorizationScheme(value) === 'bearer' ? value : undefined;
    },
    async identify(text, request) {
      const token = readBearerToken(text);
      if (token === undefined) return refuse('invalid_token', 'not a bearer token');
      const checked = await checkToken(settings, token);
      return isRefused(checked) ? checked : subjectOf(checked, request, settings.now());
    },
  };
}

function checkToken(
  settings: BearerSettings,
  token: string,
): CheckedToken | Refused | Promise<CheckedToken | Refused> {
  if ('trusted' in settings) return readTrusted(settings.trusted, token);
  const { issuers, introspection } = settings;
  const jws = readCompactJws(token);
  const issuer = issuers.find((each) => each.issuer === jws?.payload['iss']);
  if (jws && issuer) return verifyKnown(issuer, token, jws);
  if (introspection && !isEncrypted(token)) return askIssuer(introspection, token);
  return jws ? refuse('unknown_issuer') : refuse('invalid_token', 'not a well-formed JWT');
}

/** A token of five parts (RFC 7516 §7.1) is none of ours to have opened by anybody. */
function isEncrypted(token: string): boolean {
  return token.split('.', 5).length === 5;
}

/** The signature is the gateway's business; but an unsigned token cannot have been verified. */
function readTrusted(rules: TrustedBearer, token: string): CheckedToken | Refused {
  const jws = readCompactJws(token);
  if (jws === undefined) return refuse('invalid_token', 'not a well-formed JWT');
  const { header, payload } = jws;
  if (header.alg.toLowerCase() === 'none' || token.endsWith('.')) {
    return refuse('invalid_token', 'the token is not signed');
  }
  if (!rules.types.has(header.typ)) return refuse('wrong_type', 'typ is not one of those taken');
  return { rules, claims: payload, ...facts(header.all) };
}

async function verifyKnown(
  issuer: JwtIssuer & BearerRules,
  token: string,
  jws: NonNullable<ReturnType<typeof readCompactJws>>,
): Promise<CheckedToken | Refused> {
  const refused = await verifyJwt(issuer, token, jws);
  return refused ?? { rules: issuer, claims: jws.payload, ...facts(jws.header.all) };
}

async function askIssuer(
  entry: BearerRules & { readonly introspector: Introspector },
  token: string,
): Promise<CheckedToken | Refused> {
  const answer = await entry.introspector.introspect(token);
  if (answer === 'inactive') return refuse('inactive_token');
  if (answer === 'issuer_unavailable') return refuse('issuer_unavailable', 'introspection failed');
  const { claims, reusableUntil } = answer;
  return { rules: entry, claims, credential: { type: 'bearer' }, reusableUntil };
}

function facts(header: JsonObject): Pick<CheckedToken, 'credential' | 'reusableUntil'> {
  return { credential: { type: 'bearer', header }, reusableUntil: Number.POSITIVE_INFINITY };
}

function subjectOf(
  { rules, claims, credential, reusableUntil }: CheckedToken,
  request: OriginalRequest,
  now: number,
): Subject | Refused {
  const refused =
    checkSourceClaims(claims, rules, now / 1000) ?? checkConfirmation(claims, request);
  if (refused) return refused;
  const clientId = clientIdOf(rules.clientId, claims, credential, request);
  if (clientId === undefined) return refuse('no_client_id');
  const { sub, exp } = claims;
  const expiresAt = typeof exp === 'number' ? exp : Number.POSITIVE_INFINITY;
  return {
    clientId,
    subject: typeof sub === 'string' ? sub : '',
    claims,
    credential,
    expiresAt,
    reusableUntil: Math.min(reusableUntil, expiresAt * 1000),
  };
}
