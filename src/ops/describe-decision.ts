import type { Allowed, Decision } from '../exchange/types.ts';

/** A reused token is described the same way each time; it is of one gateway. */
const descriptions = new WeakMap<Allowed, string>();

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
  let description = descriptions.get(decision);
  if (description === undefined) {
    const { token, clientId, credential, sourceJti, route } = decision;
    description = members({
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
    descriptions.set(decision, description);
  }
  return description;
}

function members(value: object): string {
  return JSON.stringify(value).slice(1, -1);
}

/** @returns milliseconds, to the microsecond */
export function roundMilliseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e3;
}
