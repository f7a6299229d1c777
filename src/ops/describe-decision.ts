import { type Allowed, type Decision, writtenForms } from '../exchange/types.ts';

/**
 * Who and why, and never a credential, a token or a key. What a client chose is escaped as JSON escapes
 * it, so that it can end neither its string nor the line.
 *
 * @returns members of a JSON object, without its braces
 */
export function describeDecision(gateway: string, decision: Decision): string {
  if (!decision.allowed) {
    const { reason, detail } = decision;
    return members({ gateway, decision: 'refused', reason, detail });
  }
  const written = writtenForms(decision);
  written.description ??= describeAllowed(gateway, decision);
  return written.description;
}

/** @param gateway that asked: a token is reused for this one alone */
function describeAllowed(gateway: string, allowed: Allowed): string {
  const { token, clientId, credential, sourceJti, route } = allowed;
  return members({
    gateway,
    decision: 'allowed',
    client_id: clientId,
    credential,
    route,
    jti: token.jti,
    kid: token.kid,
    exp: token.exp,
    source_jti: sourceJti,
  });
}

function members(value: object): string {
  return JSON.stringify(value).slice(1, -1);
}

/** @returns milliseconds, to the microsecond */
export function roundMilliseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e3;
}
