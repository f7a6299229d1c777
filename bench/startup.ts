import { join } from 'node:path';
import { baseService } from './configuration.ts';
import { median } from './figures.ts';
import { memory } from './proc.ts';
import { withDirectory } from './process.ts';
import { emptyCells, type Row } from './row.ts';
import { startService } from './service.ts';

const times = 5;
/** Milliseconds. */
const most = 500;

/** From start to ready, with a key that was made before. */
export function measureStartup(node: string): Promise<Row> {
  return withDirectory(async (directory) => {
    const options = { node, directory: join(directory, 'service') };
    await (await startService(baseService, options)).end();
    const [took, peaks]: [number[], number[]] = [[], []];
    for (let time = 0; time < times; time++) {
      const service = await startService(baseService, options);
      took.push(service.readyAfter);
      peaks.push(memory(service.pid).peak);
      await service.end();
    }
    // The time of a clock, not of the CPU: others on the machine make it longer, and never shorter.
    const fastest = Math.min(...took);
    const every = `median ${median(took).toFixed(0)} ms, fastest ${fastest.toFixed(0)} ms`;
    return {
      name: 'start',
      title: `Start to ready, with a key: ${every} of ${times}`,
      cells: { ...emptyCells, 'peak MiB': median(peaks).toFixed(0) },
      bounds: [{ text: `fastest ≤ ${most} ms`, holds: fastest <= most }],
    };
  });
}
