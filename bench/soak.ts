import { askAsNginx } from './asking.ts';
import { withToken } from './configuration.ts';
import { createHttpDriver } from './driver.ts';
import { slope } from './figures.ts';
import { bearerTokens, forgedTokens } from './identity-provider.ts';
import { cpuMicros, memory } from './proc.ts';
import { withDirectory } from './process.ts';
import { emptyCells, type Row } from './row.ts';
import { startService } from './service.ts';

/** Tokens are made anew every half minute: 2,000 clients, and some who are refused. */
const service = { configuration: withToken({ expires_in: '60s' }) };

/** No status holds for all: one request in 21 is refused, always in the same proportion. */
function credentialLines(): readonly string[] {
  const good = bearerTokens(2000).map((token) => `Authorization: Bearer ${token}`);
  const bad = forgedTokens(50).map((token) => `Authorization: Bearer ${token}`);
  const none = Array.from({ length: 50 }, (_, index) => `X-Request-Id: ${index}`);
  return [...good, ...bad, ...none];
}

const asked = askAsNginx({ values: credentialLines, lines: ['{}'] });

/** Full load for so many minutes, and by how much memory grows in the second half of them. */
export function soak(node: string, minutes: number): Promise<Row> {
  return withDirectory(async (directory) => {
    const started = await startService(service, { node, directory });
    const { pid, ports } = started;
    const driver = await createHttpDriver({ ...asked, status: 'mixed' }, started, directory);
    const points: { x: number; y: number }[] = [];
    const begun = performance.now();
    const minute = () => (performance.now() - begun) / 60_000;
    const sampling = setInterval(() => points.push({ x: minute(), y: memory(pid).now }), 1000);
    const before = cpuMicros(pid);
    const load = await driver.drive(ports.auth, minutes * 60).finally(() => {
      clearInterval(sampling);
    });
    const growth = slope(points.slice(points.length / 2));
    const at = points.at(-1)?.y ?? 0;
    return {
      name: 'soak',
      title: `${minutes} minutes of full load: ${at.toFixed(0)} MiB at the end, ${growth.toFixed(2)} MiB more a minute in the second half`,
      cells: {
        ...emptyCells,
        'CPU µs': ((cpuMicros(pid) - before) / load.requests).toFixed(1),
        'requests/s': (load.requests / load.seconds).toFixed(0),
        'p50 ms': load.p50.toFixed(2),
        'p99 ms': load.p99.toFixed(2),
        'peak MiB': memory(pid).peak.toFixed(0),
      },
      bounds: [],
    };
  });
}
