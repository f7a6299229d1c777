import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Decision } from '../exchange/types.ts';
import { createLogOutput, type LogOutput } from './log-output.ts';

export interface LogSettings {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  /** Which decisions get a line of their own. */
  readonly decisions: 'all' | 'refused' | 'off';
}

/**
 * @param onLost is told of each line that could not be written
 * @param output in place of the usual one; every line is with the system when it returns
 * @returns a logger that writes to standard output; its last lines are written when the process ends
 */
export function createLog(
  { level, format }: Pick<LogSettings, 'level' | 'format'>,
  onLost: () => void,
  output?: Pick<LogOutput, 'write'>,
): Logger {
  const options = {
    level,
    base: null,
    timestamp: createTimestamp(Date.now),
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return format === 'pretty'
    ? pino(options, pretty({ colorize: process.stdout.isTTY, singleLine: true }))
    : pino(options, output ? losing(output, onLost) : createLogOutput(onLost));
}

function losing(output: Pick<LogOutput, 'write'>, onLost: () => void): Pick<LogOutput, 'write'> {
  return {
    write(line) {
      try {
        output.write(line);
      } catch {
        onLost();
      }
    },
  };
}

/** @returns the member `time` (RFC 3339, UTC); a busy service writes many lines a millisecond */
function createTimestamp(now: () => number): () => string {
  let last = Number.NaN;
  let text = '';
  return () => {
    const time = now();
    if (time !== last) text = `,"time":"${new Date(time).toISOString()}"`;
    last = time;
    return text;
  };
}

/** @returns what writes a line for each decision: who and why, and never a credential or a token */
export function createDecisionLog(
  log: Pick<Logger, 'info'>,
  wanted: LogSettings['decisions'],
): (gateway: string, decision: Decision, seconds: number) => void {
  if (wanted === 'off') return () => {};
  return (gateway, decision, seconds) => {
    if (!decision.allowed) {
      const { reason, detail } = decision;
      log.info(
        { gateway, decision: 'refused', reason, detail, duration_ms: roundMilliseconds(seconds) },
        'refused',
      );
    } else if (wanted === 'all') {
      const { token, clientId, credential, sourceJti, route } = decision;
      const { jti, kid } = token;
      log.info(
        {
          gateway,
          decision: 'allowed',
          client_id: clientId,
          credential,
          route,
          jti,
          kid,
          source_jti: sourceJti,
          duration_ms: roundMilliseconds(seconds),
        },
        'allowed',
      );
    }
  };
}

/** @returns milliseconds, to the microsecond */
export function roundMilliseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e3;
}

/** The kind and place of a mistake of ours; its message could quote what a stranger sent. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error };
  const { stack = '', message } = error;
  // A line of the message can look like a place; without it the stack begins with the first one.
  const said = stack.indexOf(message);
  const places = said === -1 ? '' : stack.slice(said + message.length);
  const frames = places.split('\n').filter((line) => /^\s+at /.test(line));
  return { error: error.name, at: frames.slice(0, 5).map((frame) => frame.trim()) };
}
