import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Running, start, untilSaid } from './process.ts';
import type { Floor } from './workload.ts';

export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** A process that a generator can ask. */
export interface Target extends Running {
  readonly port: number;
}

export interface FloorOptions {
  readonly node: string;
  readonly directory: string;
}

export interface HttpFloorOptions extends FloorOptions {
  /** What the service answers; the floor answers the same bytes. */
  readonly answer: Answer;
  /** Of whoever signed the tokens that are sent. */
  readonly publicJwk: object;
}

/** The header that carries a token, in the answers that have one. */
const tokenHeader = 'x-custom-jwt';

export function startHttpFloor(
  floor: Exclude<Floor, { kind: 'service' }>,
  { answer, publicJwk, ...options }: HttpFloorOptions,
): Promise<Target> {
  if (floor.kind === 'answer') return startFloor('answer.mjs', { answer }, options);
  const { sign, tokenIn } = floor;
  const settings = { publicJwk, tokenIn, isGood: answer.status === 200, answer };
  if (sign === undefined) return startFloor('crypto.mjs', settings, options);
  const { header, token, rest } = splitToken(answer.headers);
  const signs = { algorithm: sign, header, input: token.slice(0, token.lastIndexOf('.')) };
  const fresh = { ...settings, signs, answer: { ...answer, headers: rest } };
  return startFloor('crypto.mjs', fresh, options);
}

function splitToken(headers: readonly string[]) {
  const at = headers.findIndex(
    (name, index) => index % 2 === 0 && name.toLowerCase() === tokenHeader,
  );
  if (at === -1) throw new Error('the answer has no token');
  const [header = '', token = ''] = headers.slice(at, at + 2);
  return { header, token, rest: headers.toSpliced(at, 2) };
}

export function startGrpcFloor(
  answer: { readonly path: string; readonly bytes: Buffer },
  options: FloorOptions,
): Promise<Target> {
  const { path, bytes } = answer;
  return startFloor('grpc.mjs', { path, bytes: bytes.toString('base64') }, options);
}

async function startFloor(
  file: string,
  settings: object,
  { node, directory }: FloorOptions,
): Promise<Target> {
  mkdirSync(directory, { recursive: true });
  const place = join(directory, 'floor.json');
  writeFileSync(place, JSON.stringify(settings), { mode: 0o600 });
  const program = join(import.meta.dirname, 'floors', file);
  const running = start(node, [program, place], { directory });
  const [, port] = await untilSaid(running, /^listening on (\d+)$/m);
  return { ...running, port: Number(port) };
}
