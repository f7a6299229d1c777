import type { RequestListener } from 'node:http';
import { type MetricObject, writeMetrics } from './metrics/merge.ts';

/** What the platform asks: `/metrics`, in the text format of Prometheus, and probes for all else. */
export function createOpsListener(
  readMetrics: () => Promise<readonly MetricObject[]>,
  probes: RequestListener,
): RequestListener {
  return (request, res) => {
    if (request.url?.split('?', 1)[0] !== '/metrics') return probes(request, res);
    readMetrics()
      .then(writeMetrics)
      .then(
        ({ type, text }) => {
          res.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' });
          res.end(request.method === 'HEAD' ? undefined : text);
        },
        () => {
          res.writeHead(500).end();
        },
      );
  };
}
