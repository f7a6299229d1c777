import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { createLogOutput, type LogOutput } from './log-output.ts';

export interface LogSettings {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  /** Which decisions get a line of their own. */
  readonly decisions: 'all' | 'refused' | 'off';
}

export interface Log {
  readonly logger: Logger;
  /** Passes on a line of another process, with its line feed, as it is. */
  readonly writeLine: (line: string) => void;
  /** What the logger writes JSON lines to, for who makes them himself; undefined when they are to be pretty. */
  readonly lines:
    | {
        readonly output: Pick<LogOutput, 'write'>;
        /** @returns the member `time` of a line that is written now, after a comma */
        readonly time: () => string;
      }
    | undefined;
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
): Log {
  const time = createTimestamp(Date.now);
  const options = {
    level,
    base: null,
    timestamp: time,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (format === 'pretty') {
    const stream = pretty({ colorize: process.stdout.isTTY, singleLine: true });
    const writeLine = (line: string) => void stream.write(line);
    return { logger: pino(options, stream), lines: undefined, writeLine };
  }
  const stream = output ? losing(output, onLost) : createLogOutput(onLost);
  return {
    logger: pino(options, stream),
    lines: { output: stream, time },
    writeLine: (line) => stream.write(line),
  };
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
