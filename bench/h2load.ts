import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { percentile } from './figures.ts';
import { runToEnd } from './process.ts';
import type { Load } from './wrk.ts';

export interface H2loadOptions {
  readonly port: number;
  /** Of the method, as `/package.Service/Method`. */
  readonly path: string;
  readonly message: Buffer;
  readonly seconds: number;
  /** Where its files may go. */
  readonly directory: string;
}

/** Unary gRPC calls, over two connections as an Envoy with two workers has them. */
export async function runH2load(options: H2loadOptions): Promise<Load> {
  const { port, path, message, seconds, directory } = options;
  const [body, log] = [join(directory, 'message.grpc'), join(directory, 'h2load.log')];
  writeFileSync(body, frame(message));
  writeFileSync(log, '');
  const output = await runToEnd('h2load', [
    ...['-t1', '-c2', '-m16', `-D${Math.ceil(seconds)}`, `--log-file=${log}`, '-d', body],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    `http://127.0.0.1:${port}${path}`,
  ]);
  return parseH2load(output, readFileSync(log, 'utf8'), Math.ceil(seconds));
}

/** Length-prefixed, not compressed. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/**
 * @param output what h2load prints
 * @param log its log: when a request began, its status, and how many microseconds it took
 * @throws when an answer was lost, or there was none
 */
export function parseH2load(output: string, log: string, seconds: number): Load {
  const counted = /^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored/m.exec(output);
  if (counted === null) throw new Error(`h2load printed no figures:\n${output}`);
  const [requests = 0, failed = 0, errored = 0] = counted.slice(1).map(Number);
  if (failed + errored > 0) throw new Error(`h2load lost ${failed + errored} requests`);
  const millis = log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]) / 1e3);
  return {
    requests,
    seconds,
    p50: percentile(millis, 0.5),
    p99: percentile(millis, 0.99),
    refused: 0,
  };
}
