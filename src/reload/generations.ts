import type { RequestListener } from 'node:http';
import type { Service } from '../assemble/assemble.ts';
import type { Check } from '../gateways/grpc/check.ts';
import type { Timers } from '../issuers/timers.ts';

/** The service that answers now, and those before it, whose last requests end. */
export interface Generations {
  /** Counts from 1. */
  number(): number;
  current(): Service;
  /** Each answers with the service that is current when the request comes. */
  readonly auth: RequestListener;
  readonly public: RequestListener;
  readonly check: Check;
  /** From now on, and at once, another service answers. */
  replaceBy(next: Service): void;
  /** Closes all of them. */
  close(): Promise<void>;
}

/**
 * Milliseconds after which one that was replaced is closed. What is in flight needs of it at most an
 * issuer's keys, for which nobody waits longer than 2 seconds.
 */
const endsAfter = 10_000;
/** Somebody may reload again and again, and each takes memory: of more than these the oldest ends. */
const mostEnding = 3;

export function createGenerations(first: Service, timers: Timers): Generations {
  let current = first;
  let number = 1;
  const ending = new Map<Service, () => void>();

  async function end(service: Service): Promise<void> {
    ending.get(service)?.();
    ending.delete(service);
    await service.close();
  }

  return {
    number: () => number,
    current: () => current,
    auth: (call, res) => current.auth(call, res),
    public: (call, res) => current.public(call, res),
    check(call) {
      // A reload changes no listener, so there is a check wherever there was one.
      return (current.check as Check)(call);
    },
    replaceBy(next) {
      const last = current;
      current = next;
      number++;
      last.retire();
      ending.set(
        last,
        timers.after(endsAfter, () => void end(last)),
      );
      const [oldest] = ending.keys();
      if (oldest !== undefined && ending.size > mostEnding) void end(oldest);
    },
    async close() {
      for (const service of [...ending.keys(), current]) await end(service);
    },
  };
}
