import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askWithBearer } from './asking.ts';
import { withToken } from './configuration.ts';
import { median } from './figures.ts';
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
    const turn = Math.max(1, seconds / 3);
    const around = async () => {
      const loads = [
        drive(reused, { ...steady, seconds: turn }),
        drive(keys, { ...keysSteady, seconds: turn }),
      ] as const;
      return { reused: await loads[0], keys: await loads[1] };
    };
    await drive(reused, { connections: 16, seconds: 2 });
    const capacity = perSecond(await drive(fresh, { connections: 32, seconds: 3 }));
    const rounds: Round[] = [];
    for (let round = 0; round < 3; round++) {
      const idle = await around();
      const flood = drive(fresh, {
        // Waiting for an answer, a connection asks less often: so much more makes twice as many.
        ...{ connections: manyConnections, perSecond: 3 * capacity },
        seconds: turn + 2,
        // Whoever floods a service does not sit on its cores.
        nice: 10,
      });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const busy = await around();
      rounds.push({ idle, busy, excess: await flood });
    }
    return rowOf(capacity, rounds);
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

interface Around {
  readonly reused: Load;
  readonly keys: Load;
}

interface Round {
  readonly idle: Around;
  readonly busy: Around;
  readonly excess: Load;
}

function rowOf(capacity: number, rounds: readonly Round[]): Row {
  const middle = (value: (round: Round) => number) => median(rounds.map(value));
  const slower = middle(({ idle, busy }) => busy.reused.p99 / idle.reused.p99);
  const slowerKeys = middle(({ idle, busy }) => busy.keys.p99 / idle.keys.p99);
  const share = middle(({ excess }) => (100 * excess.refused) / excess.requests);
  const asked = middle(({ excess }) => perSecond(excess));
  const title = [
    `A token again, while ${asked.toFixed(0)} fresh ones a second are asked for`,
    `and ${capacity.toFixed(0)} can be signed (${share.toFixed(0)} % refused):`,
    `p99 ${slower.toFixed(1)} × idle, of the keys ${slowerKeys.toFixed(1)} ×`,
  ];
  const others = rounds.map(({ busy }) => busy.reused.refused + busy.keys.refused);
  return {
    name: 'saturated',
    title: title.join(' '),
    cells: {
      ...emptyCells,
      'requests/s': middle(({ busy }) => perSecond(busy.reused)).toFixed(0),
      'p50 ms': middle(({ busy }) => busy.reused.p50).toFixed(2),
      'p99 ms': middle(({ busy }) => busy.reused.p99).toFixed(2),
    },
    bounds: [
      { text: `p99 ≤ ${most} × idle`, holds: slower <= most },
      { text: 'some refused', holds: share > 0 },
      { text: 'no other refused', holds: others.every((refused) => refused === 0) },
    ],
  };
}
