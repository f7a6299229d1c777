import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askWithBearer } from './asking.ts';
import { withToken } from './configuration.ts';
import { bearerTokens } from './identity-provider.ts';
import { withDirectory } from './process.ts';
import { emptyCells, type Row } from './row.ts';
import { type StartedService, startService } from './service.ts';
import { type Load, runWrk } from './wrk.ts';

/** How many times slower the slowest hundredth may get. */
const most = 4;

const freshHost = 'fresh.example.com';
const service = {
  configuration: {
    ...withToken({ expires_in: '10m' }),
    routes: [{ match: { hosts: [freshHost] }, token: { reuse: 'off' } }],
  },
};

/** Requests that a generator sends. */
interface Asking {
  readonly port: number;
  readonly template: string;
  readonly values: string;
}

/** What a service that nobody overloads answers within a millisecond, asked steadily. */
const steady = { connections: 16, perSecond: 800 };
const keysSteady = { connections: 4, perSecond: 100 };
/** Enough that a request which waits for its signature holds none of the others up. */
const manyConnections = 800;

/**
 * Twice as many fresh tokens are asked for as can be signed: what else is asked meanwhile must not
 * wait for them, and the excess must be refused.
 */
export function saturate(node: string, seconds: number): Promise<Row> {
  return withDirectory(async (directory) => {
    const started = await startService(service, { node, directory });
    const { reused, fresh, keys } = await writeRequests(started, directory);
    const around = () =>
      Promise.all([
        drive(reused, { ...steady, seconds }),
        drive(keys, { ...keysSteady, seconds }),
      ] as const);
    await drive(reused, { connections: 16, seconds: 2 });
    const capacity = perSecond(await drive(fresh, { connections: 32, seconds: 3 }));
    const [idle, idleKeys] = await around();
    const flood = drive(fresh, {
      // Waiting for an answer, a connection asks less often: so much more makes twice as many.
      ...{ connections: manyConnections, perSecond: 3 * capacity },
      seconds: seconds + 2,
      // Whoever floods a service does not sit on its cores.
      nice: 10,
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [busy, busyKeys] = await around();
    const excess = await flood;
    return rowOf({ capacity, idle, idleKeys, busy, busyKeys, excess });
  });
}

async function writeRequests({ ports }: StartedService, directory: string) {
  const asked = await askWithBearer(() => bearerTokens(1)).requests({ url: () => '' });
  const [values, none] = [join(directory, 'values'), join(directory, 'none')];
  writeFileSync(values, asked.values.join('\n'));
  writeFileSync(none, '');
  const write = (name: string, port: number, text: string, from = values): Asking => {
    const template = join(directory, `${name}.http`);
    writeFileSync(template, text);
    return { port, template, values: from };
  };
  const jwks = 'GET /jwks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
  return {
    reused: write('reused', ports.auth, asked.template),
    fresh: write('fresh', ports.auth, asked.template.replace('orders.example.com', freshHost)),
    keys: write('keys', ports.public, jwks, none),
  };
}

interface Pace {
  readonly connections: number;
  /** As fast as answers come, when absent. */
  readonly perSecond?: number;
  readonly seconds: number;
  readonly nice?: number;
}

function drive(
  asking: Asking,
  { connections, perSecond: rate, seconds, nice = 0 }: Pace,
): Promise<Load> {
  const delay = rate === undefined ? 0 : Math.round((connections / rate) * 1000);
  return runWrk({ ...asking, connections, seconds, delay, nice, sent: 0 });
}

function perSecond({ requests, seconds }: Load): number {
  return requests / seconds;
}

interface Measured {
  readonly capacity: number;
  readonly idle: Load;
  readonly idleKeys: Load;
  readonly busy: Load;
  readonly busyKeys: Load;
  readonly excess: Load;
}

function rowOf({ capacity, idle, idleKeys, busy, busyKeys, excess }: Measured): Row {
  const share = Math.round((100 * excess.refused) / excess.requests);
  const title = [
    `A token again, while ${perSecond(excess).toFixed(0)} fresh ones a second are asked for`,
    `and ${capacity.toFixed(0)} can be signed (${share} % refused): p99 ${slower(busy, idle)} × idle`,
    `(${idle.p99.toFixed(2)} ms), of keys ${slower(busyKeys, idleKeys)} × (${idleKeys.p99.toFixed(2)} ms)`,
  ];
  return {
    name: 'saturated',
    title: title.join(' '),
    cells: {
      ...emptyCells,
      'requests/s': perSecond(busy).toFixed(0),
      'p50 ms': busy.p50.toFixed(2),
      'p99 ms': busy.p99.toFixed(2),
    },
    bounds: [
      { text: `p99 ≤ ${most} × idle`, holds: busy.p99 <= most * idle.p99 },
      { text: 'some refused', holds: excess.refused > 0 },
      { text: 'no other refused', holds: busy.refused + busyKeys.refused === 0 },
    ],
  };
}

function slower(busy: Load, idle: Load): string {
  return (busy.p99 / idle.p99).toFixed(1);
}
