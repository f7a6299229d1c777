import { readCompactJws } from '../exchange/compact-jws.ts';
import { readBearerToken } from '../exchange/credentials/authorization-header.ts';
import { isRefused } from '../exchange/refusals.ts';
import type { Route } from '../exchange/route.ts';
import { describeLoss } from '../exchange/routes/lost-routes.ts';
import type { JsonObject, OriginalRequest, Refused } from '../exchange/types.ts';
import type { CredentialSeen, Explanation, RouteSeen } from './explanation.ts';
import type { ExchangeRecord } from './record.ts';

type Steps = Pick<
  Explanation,
  'request' | 'credentials' | 'caller' | 'routes' | 'claims' | 'token_header'
>;

/** @param hasDefault whether the last route is the one for what no other matches */
export function describeSteps(record: ExchangeRecord, hasDefault: boolean): Steps {
  const { request, subject, token } = record;
  return {
    request: request ? describeRequest(request) : null,
    credentials: describeCredentials(record),
    caller: subject
      ? {
          client_id: subject.clientId,
          subject: subject.subject,
          credential: subject.credential,
        }
      : null,
    routes: describeRoutes(record, hasDefault),
    claims: {
      before: subject?.claims ?? unverifiedClaims(record) ?? null,
      before_verified: subject !== undefined && record.found?.method.trusted === false,
      after: token?.claims ?? null,
    },
    token_header: token?.header ?? null,
  };
}

function describeRequest(request: OriginalRequest): Steps['request'] {
  const { method, scheme = null, host, path, query } = request;
  return { method, scheme, host, path, query };
}

function describeCredentials({ parts, request, found }: ExchangeRecord): CredentialSeen[] {
  if (parts === undefined || request === undefined) return [];
  return parts.methods.map((method) => ({
    kind: method.kind,
    trusted: method.trusted,
    present: method.find(request) !== undefined,
    decides: method === found?.method,
  }));
}

/** What a token says that was refused, for whoever looks for the reason. */
function unverifiedClaims({ found }: ExchangeRecord): JsonObject | undefined {
  if (found?.method.kind !== 'bearer') return undefined;
  return readCompactJws(readBearerToken(found.text) ?? '')?.payload;
}

function describeRoutes(
  { parts, request, route }: ExchangeRecord,
  hasDefault: boolean,
): RouteSeen[] {
  if (parts === undefined || request === undefined || route === undefined) return [];
  const last = hasDefault ? parts.routes.at(-1) : undefined;
  return parts.routes.map((each) => ({
    name: each.name,
    chosen: each === route,
    lost: each === route ? null : whyLost(each, { route, last, request }),
  }));
}

interface Race {
  readonly route: Route | Refused;
  readonly last: Route | undefined;
  readonly request: OriginalRequest;
}

function whyLost(loser: Route, { route, last, request }: Race): string {
  if (isRefused(route) && route.reason === 'ambiguous_path') {
    return 'is not looked at, because the path is ambiguous';
  }
  if (loser === last) return 'is for what no other route matches';
  const chosen = isRefused(route) ? undefined : route;
  const loss = describeLoss(loser, chosen, request);
  return 'mismatches' in loss
    ? `does not match the ${loss.mismatches.join(' and the ')}`
    : `matches, but the ${loss.lessSpecific} of ${chosen?.name} is more specific`;
}
