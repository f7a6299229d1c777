import { join } from 'node:path';
import { createGrpcDriver, createHttpDriver, type Driver } from './driver.ts';
import { type Cost, costOf, holds, ratioOf, type Sample } from './figures.ts';
import type { Target } from './floor.ts';
import { cpuMicros, memory } from './proc.ts';
import { withDirectory } from './process.ts';
import { startService } from './service.ts';
import type { Bound, Workload } from './workload.ts';

export interface RunOptions {
  /** The Node that runs the service and the floor. */
  readonly node: string;
  /** Of load on each of the two, in all. */
  readonly seconds: number;
}

export interface Result {
  readonly workload: Pick<Workload, 'name' | 'title' | 'bounds'>;
  readonly service: Cost;
  readonly floor: Cost;
  readonly ratio: number;
  /** MiB, the most that the service had in memory. */
  readonly peak: number;
  readonly broken: readonly Bound[];
}

/** Floor and service take turns: three times, or once a second where that is less. */
function roundsIn(seconds: number): number {
  return Math.min(3, Math.max(1, Math.floor(seconds)));
}

/** Starts service and floor, warms both up, and lets them take turns under load. */
export function runWorkload(workload: Workload, { node, seconds }: RunOptions): Promise<Result> {
  return withDirectory(async (directory) => {
    const at = (name: string) => ({ node, directory: join(directory, name) });
    const started = await startService(workload.service, at('service'));
    const { asked, floor: kind } = workload;
    const driver =
      asked.over === 'http'
        ? await createHttpDriver(asked, started, directory)
        : await createGrpcDriver(asked, started, directory);
    const service = { ...started, port: driver.portOf(started) };
    const floor =
      kind.kind === 'service'
        ? await startService(kind.service, at('floor')).then((other) => ({
            ...other,
            port: driver.portOf(other),
          }))
        : await driver.startFloor(kind, at('floor'));
    await warmUp(driver, floor);
    await warmUp(driver, service);

    const rounds = roundsIn(seconds);
    const samples = { floor: [] as Sample[], service: [] as Sample[] };
    for (let round = 0; round < rounds; round++) {
      samples.floor.push(await sample(driver, floor, seconds / rounds));
      samples.service.push(await sample(driver, service, seconds / rounds));
    }
    return judge(workload, samples, memory(service.pid).peak);
  });
}

/** Until each request was sent once, and the compiler has seen enough. */
async function warmUp({ drive, different }: Driver, { port }: Target): Promise<void> {
  const seconds = Math.max(1, different / 10_000);
  for (let sent = 0; sent <= different; ) sent += (await drive(port, seconds)).requests;
}

async function sample({ drive }: Driver, { port, pid }: Target, seconds: number): Promise<Sample> {
  const before = cpuMicros(pid);
  const load = await drive(port, seconds);
  return { ...load, cpuMicros: cpuMicros(pid) - before };
}

function judge(
  { name, title, bounds }: Workload,
  samples: { readonly floor: readonly Sample[]; readonly service: readonly Sample[] },
  peak: number,
): Result {
  const service = costOf(samples.service);
  const floor = costOf(samples.floor);
  const ratio = ratioOf(samples.service, samples.floor);
  const measured = { service: service.micros, floor: floor.micros, ratio, peak };
  const broken = bounds.filter((bound) => !holds(bound, measured));
  return { workload: { name, title, bounds }, service, floor, ratio, peak, broken };
}
