import type { Decision } from '../../exchange/types.ts';
import { describeDecision, roundMilliseconds } from '../describe-decision.ts';

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
  return `${when},${took}${from},${describeDecision(gateway, decision)}}\n`;
}
