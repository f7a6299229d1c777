import { pino } from 'pino';
import type { Decision } from '../exchange/types.ts';
import { describeDecision, roundMilliseconds } from './describe-decision.ts';
import type { Log, LogSettings } from './log.ts';

/** @returns what writes a line for each decision: who and why, and never a credential or a token */
export function createDecisionLog(
  { logger, lines }: Log,
  { level, decisions: wanted }: Pick<LogSettings, 'level' | 'decisions'>,
): (gateway: string, decision: Decision, seconds: number) => void {
  if (wanted === 'off' || !isInfo(level)) return () => {};
  const write = lines === undefined ? writeWith(logger) : writeTo(lines);
  return (gateway, decision, seconds) => {
    if (decision.allowed && wanted !== 'all') return;
    const message = decision.allowed ? 'allowed' : 'refused';
    write(describeDecision(gateway, decision), roundMilliseconds(seconds), message);
  };
}

/** The logger's own level may change in a moment, when another configuration takes over. */
function isInfo(level: string): boolean {
  const { values } = pino.levels;
  return (values[level] ?? Number.POSITIVE_INFINITY) <= (values['info'] ?? 0);
}

type Write = (members: string, milliseconds: number, message: string) => void;

/** The same line as the logger would write, at a fourth of the cost. */
function writeTo({ output, time }: NonNullable<Log['lines']>): Write {
  return (members, milliseconds, message) =>
    output.write(
      `{"level":"info"${time()},${members},"duration_ms":${milliseconds},"msg":"${message}"}\n`,
    );
}

function writeWith(logger: Log['logger']): Write {
  return (members, milliseconds, message) =>
    logger.info({ ...JSON.parse(`{${members}}`), duration_ms: milliseconds }, message);
}
