import type { RequestListener } from 'node:http';

export interface Health {
  /** The process has read its configuration, has its keys and listens. */
  readonly started: () => boolean;
  /** It should be sent requests: started, and not told to stop. */
  readonly ready: () => boolean;
  /** What it waits for, while it is not ready; for people. */
  readonly waitingFor: () => string | undefined;
}

/** The probes of a platform, on a listener of their own: no path, method or header skips a check. */
export function createHealthListener({ started, ready, waitingFor }: Health): RequestListener {
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
    const probe = probes.get(request.url?.split('?', 1)[0] ?? '');
    const status = probe === undefined ? 404 : probe() ? 200 : 503;
    const body = status === 200 ? 'ok\n' : status === 503 ? notReady() : 'not found\n';
    res.writeHead(status, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' });
    res.end(request.method === 'HEAD' ? undefined : body);
  };
}
