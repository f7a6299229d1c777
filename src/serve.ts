import type { Server } from 'node:http';
import { assemble, type Service, type ServiceDeps } from './assemble/assemble.ts';
import type { LoadedConfiguration } from './config/load.ts';
import { type Address, writeAddress } from './config/schema/listen.ts';
import { openKeyRing } from './keys/key-ring.ts';
import { close, createGatewayListener, createListener, open } from './listen.ts';
import { createHealthListener } from './ops/health.ts';
import { createDecisionLog, createLog, describeError } from './ops/log.ts';

/**
 * Builds every object once, opens the listeners, and serves until it is told to stop: then it is
 * unready, goes on serving for the drain time, and closes. A second signal ends it at once.
 *
 * @returns when it has stopped
 * @throws ConfigurationError, or what listening fails with
 */
export async function serve(loaded: LoadedConfiguration): Promise<void> {
  const { configuration } = loaded;
  const { listen, drain } = configuration;
  const log = createLog(configuration.log);
  const onDecision = createDecisionLog(log, configuration.log.decisions);
  // A promise that nobody awaits is a mistake of ours, and no reason to turn every caller away.
  process.on('unhandledRejection', (error) => log.error(describeError(error), 'not awaited'));
  const service = await assemble(loaded, {
    now: Date.now,
    log,
    onDecision,
    onError: (error) => log.error(describeError(error), 'a request failed'),
    openKeys: (settings) =>
      openKeyRing(settings, {
        now: Date.now,
        log: ({ kid, alg }) => log.info({ kid, alg }, 'a signing key was made'),
      }),
  });

  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  const health = createHealthListener({
    started: () => state !== 'starting',
    ready: () => state === 'ready',
  });
  const listeners = [
    { name: 'ops', at: listen.ops, server: createListener(health, listen.ops) },
    { name: 'public', at: listen.public, server: createListener(service.public, listen.public) },
    { name: 'auth', at: listen.auth, server: createGatewayListener(service.auth, listen.auth) },
  ];
  const stopped = nextSignal();
  await openAll(listeners, log);
  await service.start();
  state = 'ready';
  log.info({ kid: service.keyRing.signer.kid, issuer: configuration.issuer }, 'ready');

  const signal = await stopped;
  state = 'stopping';
  log.info({ signal, drain_ms: drain }, 'stopping');
  await stop(
    listeners.map(({ server }) => server),
    service,
    drain,
  );
  log.info({}, 'stopped');
}

/** Opens all or none: what is open already would keep a process alive that serves nobody. */
async function openAll(
  listeners: readonly { name: string; at: Address; server: Server }[],
  log: ServiceDeps['log'],
): Promise<void> {
  try {
    for (const { name, at, server } of listeners) {
      await open(server, at);
      log.info({ listener: name, address: writeAddress(at) }, 'listening');
    }
  } catch (error) {
    await Promise.all(listeners.map(({ server }) => close(server, 0)));
    throw error;
  }
}

/** @returns the first of the signals that ask to stop; the next one ends the process at once */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

async function stop(servers: readonly Server[], service: Service, drain: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, drain));
  await Promise.all(servers.map((server) => close(server, drain)));
  service.close();
}
