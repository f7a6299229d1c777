import { describe, expect, it } from '@jest/globals';
import type { Service } from '../../../src/assemble/assemble.ts';
import { createGenerations } from '../../../src/reload/generations.ts';

function createWorld() {
  const events: string[] = [];
  const due: (() => void)[] = [];
  const service = (name: string) =>
    ({
      auth: () => events.push(`${name} answers`),
      retire: () => events.push(`${name} retires`),
      close: async () => {
        events.push(`${name} closes`);
      },
    }) as unknown as Service;
  const generations = createGenerations(service('a'), {
    after(_, run) {
      due.push(run);
      return () => events.push('timer cancelled');
    },
  });
  const ask = () => generations.auth({} as never, {} as never);
  return { generations, events, due, service, ask };
}

describe('generations', () => {
  it('answer with the one that is current when the request comes', () => {
    const { generations, events, service, ask } = createWorld();
    ask();
    generations.replaceBy(service('b'));
    ask();
    expect(events).toEqual(['a answers', 'a retires', 'b answers']);
    expect(generations.number()).toBe(2);
  });

  it('close one that was replaced when its last requests must have ended', async () => {
    const { generations, events, due, service } = createWorld();
    generations.replaceBy(service('b'));
    expect(events).toEqual(['a retires']);
    due[0]?.();
    expect(events).toEqual(['a retires', 'timer cancelled', 'a closes']);
  });

  it('close the oldest early when there are many, as each takes memory', () => {
    const { generations, events, service } = createWorld();
    for (const name of ['b', 'c', 'd']) generations.replaceBy(service(name));
    expect(events.filter((event) => event.endsWith('closes'))).toEqual([]);
    for (const name of ['e', 'f']) generations.replaceBy(service(name));
    expect(events.filter((event) => event.endsWith('closes'))).toEqual(['a closes', 'b closes']);
  });

  it('close all that are left when the process ends, each once', async () => {
    const { generations, events, service } = createWorld();
    generations.replaceBy(service('b'));
    generations.replaceBy(service('c'));
    await generations.close();
    expect(events.filter((event) => event.endsWith('closes'))).toEqual([
      'a closes',
      'b closes',
      'c closes',
    ]);
  });
});
