import { join } from 'node:path';
import { type Ports, writeConfiguration } from './configuration.ts';
import { freePorts, type Running, start, untilSaid } from './process.ts';
import type { Service } from './workload.ts';

const main = join(import.meta.dirname, '..', 'dist', 'main.js');

export interface StartedService extends Running {
  readonly ports: Ports;
  /** Milliseconds from its start until it was ready. */
  readonly readyAfter: number;
}

export interface ServiceOptions {
  /** The Node that runs it. */
  readonly node: string;
  /** Its configuration, keys and log; made when it is not there. */
  readonly directory: string;
}

/** Starts the built program, as a user does; returns when it is ready. */
export async function startService(
  service: Service,
  { node, directory }: ServiceOptions,
): Promise<StartedService> {
  const [auth = 0, open = 0, ops = 0, grpc = 0] = await freePorts(4);
  const ports = { auth, public: open, ops, grpc };
  await writeConfiguration(service, { directory, ports });
  const running = start(node, [main, 'serve'], { directory });
  const [, time = ''] = await untilSaid(running, /^.*"time":"([^"]+)".*"msg":"ready".*$/m);
  return { ...running, ports, readyAfter: Date.parse(time) - running.startedAt };
}
