import { join } from 'node:path';
import { runToEnd } from './process.ts';

/** What a load generator saw. */
export interface Load {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answers that were not 2xx. */
  readonly refused: number;
}

export interface WrkOptions {
  readonly port: number;
  /** Files as `wrk.lua` reads them. */
  readonly template: string;
  readonly values: string;
  /** Requests that were sent before: the next one in turn comes first. */
  readonly sent: number;
  readonly seconds: number;
  readonly connections: number;
  /** Milliseconds that each connection waits before each request; 0 unless given. */
  readonly delay?: number;
  /** How far it stands back for others on the machine; 0 unless given. */
  readonly nice?: number;
}

const script = join(import.meta.dirname, 'wrk.lua');

/** One thread: with the process that is measured it has two cores at most. */
export async function runWrk(options: WrkOptions): Promise<Load> {
  const { port, template, values, sent, seconds, connections, delay = 0, nice = 0 } = options;
  const output = await runToEnd('nice', [
    ...[
      '-n',
      `${nice}`,
      'wrk',
      '-t1',
      `-c${connections}`,
      `-d${Math.ceil(seconds)}s`,
      '-s',
      script,
    ],
    ...[`http://127.0.0.1:${port}/`, '--', template, values, `${sent}`, `${delay}`],
  ]);
  return parseWrk(output);
}

/**
 * @param output with the line that `wrk.lua` prints
 * @throws when there is none, or an answer was lost
 */
export function parseWrk(output: string): Load {
  const line = output.split('\n').find((each) => each.startsWith('{'));
  if (line === undefined) throw new Error(`wrk printed no figures:\n${output}`);
  const { requests, micros, p50, p99, not2xx, broken } = JSON.parse(line);
  if (broken > 0) throw new Error(`wrk lost ${broken} requests`);
  if (requests === 0) throw new Error('wrk got no answer');
  return { requests, seconds: micros / 1e6, p50: p50 / 1e3, p99: p99 / 1e3, refused: not2xx };
}
