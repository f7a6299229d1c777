import { setTimeout as pause } from 'node:timers/promises';
import { ask, forgedToken, seenBy } from './gateway-client.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { basic, until } from './process.ts';

export interface TrafficAnswer {
  readonly status: number;
  /** What it is when Countersign is there. */
  readonly expected: 200 | 401;
  /** Who asked; undefined when nobody is to get through. */
  readonly user: string | undefined;
  /** Who the backend was told that it is. */
  readonly clientId: unknown;
}

export interface Traffic {
  /** Waits until so many more requests got through. */
  readonly untilServed: (count: number) => Promise<void>;
  /** @returns every answer */
  readonly stop: () => Promise<readonly TrafficAnswer[]>;
}

/**
 * Four clients that ask, one request after the other, with good, bad and forged credentials.
 *
 * @param spellings how they spell the header of a forged token
 */
export function startTraffic(lab: GatewayLab, spellings: readonly string[]): Traffic {
  const forged = spellings.flatMap((spelling) => [spelling, forgedToken]);
  const answers: TrafficAnswer[] = [];
  let stopped = false;

  async function asks(user: string | undefined, headers: readonly string[]) {
    const answer = await ask(lab, headers);
    const { status } = answer;
    const clientId = status === 200 ? seenBy(answer).claims?.['client_id'] : undefined;
    const served = status === 200 ? user : undefined;
    answers.push({ status, expected: user === undefined ? 401 : 200, user: served, clientId });
  }

  async function client(name: string) {
    for (let turn = 0; !stopped; turn++) {
      const user = `${name}-${turn}`;
      const good = ['Authorization', basic(user, 'secret')];
      await asks(user, turn % 2 === 0 ? good : [...good, ...forged]);
      await asks(undefined, turn % 2 === 0 ? ['Authorization', 'Basic !'] : forged);
      // A steady load, and not all that two cores can do.
      await pause(10);
    }
  }

  const clients = ['first', 'second', 'third', 'fourth'].map(client);
  const served = () => answers.filter(({ status }) => status === 200).length;
  return {
    async untilServed(count) {
      const goal = served() + count;
      await until(() => served() >= goal);
    },
    async stop() {
      stopped = true;
      await Promise.all(clients);
      return answers;
    },
  };
}
