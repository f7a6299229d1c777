import type { Allowed, Decision } from '../../exchange/types.ts';
import { roundMilliseconds } from '../log.ts';

export interface DecisionRecord {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly gateway: string;
  readonly decision: Decision;
  readonly seconds: number;
  readonly peer: string | undefined;
}

/**
 * @returns one line of JSON with its line feed: who and why, and never a credential, a token or a key.
 *   What a client chose is escaped as JSON escapes it, so that it cannot end the line.
 */
export function writeRecord({ at, gateway, decision, seconds, peer }: DecisionRecord): string {
  const when = `{"event":"decision","time":"${new Date(at).toISOString()}"`;
  const took = `"duration_ms":${roundMilliseconds(seconds)}`;
  const from = peer === undefined ? '' : `,"peer":${JSON.stringify(peer)}`;
  return `${when},${took}${from},${describe(gateway, decision)}\n`;
}

/** A reused token is described the same way each time; it is of one gateway. */
const descriptions = new WeakMap<Allowed, string>();

function describe(gateway: string, decision: Decision): string {
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

/** Without the first brace. */
function members(value: object): string {
  return JSON.stringify(value).slice(1);
}
