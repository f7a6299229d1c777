import type { RequestListener } from 'node:http';
import type { Metrics } from './metrics.ts';

/** What the platform asks: `/metrics`, in the text format of Prometheus, and probes for all else. */
export function createOpsListener(
  metrics: Pick<Metrics, 'read'>,
  probes: RequestListener,
): RequestListener {
  return (request, res) => {
    if (request.url?.split('?', 1)[0] !== '/metrics') return probes(request, res);
    metrics.read().then(
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
