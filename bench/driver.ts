import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askOnce, firstOf } from './ask-once.ts';
import { checkOnce, checkPath } from './check-once.ts';
import { startGrpcFloor, startHttpFloor, type Target } from './floor.ts';
import { runH2load } from './h2load.ts';
import { publicJwk } from './identity-provider.ts';
import type { StartedService } from './service.ts';
import type { AskedOverGrpc, AskedOverHttp, Floor } from './workload.ts';
import { type Load, runWrk } from './wrk.ts';

/** Asks one service, and its floor the same. */
export interface Driver {
  /** How many requests it takes until each was sent once. */
  readonly different: number;
  readonly portOf: (service: StartedService) => number;
  readonly drive: (port: number, seconds: number) => Promise<Load>;
  readonly startFloor: (
    floor: Exclude<Floor, { kind: 'service' }>,
    options: { readonly node: string; readonly directory: string },
  ) => Promise<Target>;
}

const connections = 32;

/** @throws when the service does not answer with the status that the workload is about */
export async function createHttpDriver(
  asked: AskedOverHttp,
  service: StartedService,
  directory: string,
): Promise<Driver> {
  const { listener, status } = asked;
  const url = (name: 'auth' | 'public') => `http://127.0.0.1:${service.ports[name]}`;
  const requests = await asked.requests({ url });
  const files = { template: join(directory, 'template'), values: join(directory, 'values') };
  writeFileSync(files.template, requests.template, 'latin1');
  writeFileSync(files.values, requests.values.join('\n'), 'latin1');
  const answer = await askOnce(service.ports[listener], firstOf(requests));
  if (status !== 'mixed' && answer.status !== status) {
    throw new Error(`expected ${status}, but got ${answer.status} ${answer.body}`);
  }
  const sent = new Map<number, number>();
  return {
    different: requests.values.length,
    portOf: ({ ports }) => ports[listener],
    async drive(port, seconds) {
      const before = sent.get(port) ?? 0;
      const load = await runWrk({ ...files, port, sent: before, seconds, connections });
      sent.set(port, before + load.requests);
      if (status !== 'mixed') checkStatus(load, status);
      return load;
    },
    async startFloor(floor, options) {
      const ours = floor.kind === 'crypto' && floor.tokenIn === 'body';
      const key = ours ? await firstKey(`${url('public')}/jwks`) : publicJwk();
      return startHttpFloor(floor, { ...options, answer, publicJwk: key });
    },
  };
}

function checkStatus({ requests, refused }: Load, status: number): void {
  const expected = status === 200 ? 0 : requests;
  // wrk counts an answer at its head and a request at its end.
  if (Math.abs(refused - expected) > connections) {
    throw new Error(`expected ${status} always; ${refused} of ${requests} were refused`);
  }
}

async function firstKey(jwks: string): Promise<object> {
  const { keys } = (await (await fetch(jwks)).json()) as { keys: readonly object[] };
  return keys[0] ?? {};
}

/** @throws when the service does not allow the request */
export async function createGrpcDriver(
  asked: AskedOverGrpc,
  service: StartedService,
  directory: string,
): Promise<Driver> {
  const message = asked.message();
  const bytes = await checkOnce(service.ports.grpc, message);
  return {
    different: 1,
    portOf: ({ ports }) => ports.grpc,
    drive: (port, seconds) => runH2load({ port, path: checkPath, message, seconds, directory }),
    startFloor: (_floor, options) => startGrpcFloor({ path: checkPath, bytes }, options),
  };
}
