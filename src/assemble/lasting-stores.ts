import type { Keys } from '../keys/open-keys.ts';
import { revocationPlace } from '../state/open-revocations.ts';
import type { Revocation, Revocations } from '../state/revocations.ts';
import type { ServiceDeps } from './assemble.ts';
import { createLeases, type Lease } from './leases.ts';

type OpenStores = Pick<ServiceDeps, 'openKeys' | 'openRevocations'>;

/**
 * Keeps keys and revocations open from one configuration to the next: each is opened once, and
 * closed when no service has it any more. Where they are must not change meanwhile. A key of the
 * operator's own, which a file or the configuration holds, is read each time.
 */
export function createLastingStores(open: OpenStores): OpenStores {
  const keyLeases = createLeases<Promise<Keys>, void>(closeOpened);
  const revocationLeases = createLeases<Promise<Revocations>, Revocation>(closeOpened);
  const started = new WeakSet<Keys>();

  async function openKeys(...[settings, onDropped]: Parameters<OpenStores['openKeys']>) {
    if ('privateKey' in settings || 'privateKeyFile' in settings) {
      return open.openKeys(settings, onDropped);
    }
    const lease = keyLeases.take('keys', (tell) => open.openKeys(settings, tell), onDropped);
    const keys = await openedBy(lease);
    return {
      ...keys,
      start() {
        if ('policy' in settings) keys.rotateBy(settings.policy);
        if (!started.has(keys)) keys.start();
        started.add(keys);
      },
      close: lease.release,
    };
  }

  async function openRevocations(...[settings, rules]: Parameters<OpenStores['openRevocations']>) {
    const listeners: ((entry: Revocation) => void)[] = [];
    const lease = revocationLeases.take(
      revocationPlace(settings),
      async (tell) => {
        const revocations = await open.openRevocations(settings, rules);
        revocations.onChange(tell);
        return revocations;
      },
      (entry) => {
        for (const listener of listeners) listener(entry);
      },
    );
    const revocations = await openedBy(lease);
    return {
      ...revocations,
      onChange(listener: (entry: Revocation) => void) {
        listeners.push(listener);
      },
      close: lease.release,
    };
  }

  return { openKeys, openRevocations };
}

/** @throws what opening it failed with; then nobody holds it */
async function openedBy<T>({ value, release }: Lease<Promise<T>>): Promise<T> {
  try {
    return await value;
  } catch (error) {
    await release();
    throw error;
  }
}

async function closeOpened(opening: Promise<{ close(): Promise<void> }>): Promise<void> {
  const opened = await opening.catch(() => undefined);
  await opened?.close();
}
