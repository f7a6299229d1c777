import { writeJson } from '../exchange/strict-json.ts';
import type { JsonObject } from '../exchange/types.ts';
import type { CredentialSeen, Explanation, Line } from '../explain/explanation.ts';
import { describeMembers, printable } from './describe-token.ts';

/**
 * Writes an explanation for a person to read, in the order in which things happen.
 *
 * @param now milliseconds since the epoch
 */
export function describeExplanation(explanation: Explanation, now: number): string {
  const { gateway, call, claims, notes } = explanation;
  const sections = [
    section(`Call of ${gateway.name}, as ${gateway.profile} sends it`, [
      `${call.method} ${call.path}`,
      ...call.headers.map(writeLine),
    ]),
    section('Request, as it is read', describeRequest(explanation)),
    section('Credential', describeCredentials(explanation)),
    section('Route', describeRoutes(explanation)),
    claimsSection(beforeTitle(explanation), claims.before, now),
    claimsSection(afterTitle(explanation), claims.after, now),
    section('Answer', describeAnswer(explanation)),
    section('Decision', [describeDecision(explanation)]),
    ...(notes.length > 0 ? [section('Notes', notes)] : []),
  ];
  return sections.join('\n');
}

function claimsSection(title: string, claims: JsonObject | null, now: number): string {
  return `${title}\n${describeMembers(claims ?? {}, now) || '  none\n'}`;
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.map((line) => `  ${printable(line)}\n`).join('')}`;
}

/** Certificates are long, and told by their subject. */
function writeLine([name, value]: Line): string {
  return `${name}: ${value.length > 200 ? `${value.slice(0, 40)}… (${value.length} characters)` : value}`;
}

function describeRequest({ request }: Explanation): string[] {
  if (request === null) return ['it was refused before'];
  const { method, scheme, host, path, query } = request;
  return [`${method} ${scheme ?? '(no scheme)'}://${host}${path}${query && `?${query}`}`];
}

function describeCredentials({ credentials, caller, request }: Explanation): string[] {
  if (request === null) return ['not looked for'];
  if (credentials.length === 0) return ['no kind is configured'];
  return [
    ...credentials.map((seen) => `${seen.kind}: ${describeSeen(seen, caller !== null)}`),
    ...(caller
      ? [`client_id: ${writeJson(caller.client_id)}`, `credential: ${writeJson(caller.credential)}`]
      : []),
  ];
}

function describeSeen({ present, decides, trusted }: CredentialSeen, isVerified: boolean): string {
  if (!present) return 'not there';
  if (!decides) return 'there, but does not decide';
  const word = trusted ? 'the gateway vouches for it' : isVerified ? 'verified' : 'not verified';
  return `[redacted]; decides; ${word}`;
}

function describeRoutes({ routes, request }: Explanation): string[] {
  if (routes.length === 0) {
    return [
      request === null ? 'not looked for' : 'not looked for: the credential was refused first',
    ];
  }
  return routes.map(({ name, chosen, lost }) => `${name}: ${chosen ? 'chosen' : lost}`);
}

function beforeTitle({ claims, caller }: Explanation): string {
  if (claims.before === null || claims.before_verified) return 'Claims before';
  return `Claims before (${caller ? 'the gateway vouches for them' : 'not verified'})`;
}

function afterTitle({ token_header: header }: Explanation): string {
  return header ? `Claims after (${header['alg']}, kid ${header['kid']})` : 'Claims after';
}

function describeAnswer({ answer }: Explanation): string[] {
  const { status, headers, body } = answer;
  return [String(status), ...headers.map(writeLine), ...(body === '' ? [] : ['', body])];
}

function describeDecision({ decision }: Explanation): string {
  if (decision === null) return 'refused: the call could not be read as HTTP';
  if (decision.allowed) {
    return `allowed: ${decision.client_id} by ${decision.credential}, on ${decision.route}`;
  }
  const { reason, detail } = decision;
  return `refused: ${reason}${detail === null ? '' : ` (${detail})`}`;
}
