import type { RequestListener } from 'node:http';

export interface Health {
  /** The process has read its configuration, has its keys and listens. */
  readonly started: () => boolean;
  /** It should be sent requests: started, and not told to stop. */
  readonly ready: () => boolean;
  /** What it waits for, while it is not ready; for people. */
  readonly waitingFor: () => string | undefined;
  /** What `/readyz?verbose` shows. */
  readonly describe: () => object;
}

/** The probes of a platform, on a listener of their own: no path, method or header skips a check. */
export function createHealthListener({
  started,
  ready,
  waitingFor,
  describe,
}: Health): RequestListener {
  const probes = new Map<string, () => boolean>([
    ['/livez', () => true], // that it answers shows that the event loop turns
    ['/readyz', ready],
    ['/startupz', started],
  ]);
  const notReady = () => {
    const reason = waitingFor();
    return reason === undefined ? 'not ready\n' : `not ready: ${reason}\n`;
  };
  return (request, res) => {
    const [path = '', query] = request.url?.split('?', 2) ?? [];
    const probe = probes.get(path);
    const status = probe === undefined ? 404 : probe() ? 200 : 503;
    const isVerbose = path === '/readyz' && /^verbose(=|$)/.test(query ?? '');
    const plain = status === 200 ? 'ok\n' : status === 503 ? notReady() : 'not found\n';
    const body = isVerbose ? `${JSON.stringify(describe(), null, 2)}\n` : plain;
    const type = isVerbose ? 'application/json' : 'text/plain';
    res.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' });
    res.end(request.method === 'HEAD' ? undefined : body);
  };
}
