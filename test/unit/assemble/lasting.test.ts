import { describe, expect, it } from '@jest/globals';
import { createLasting } from '../../../src/assemble/lasting.ts';
import type { IssuerKeysSettings } from '../../../src/issuers/issuer-keys.ts';

function createWorld() {
  const events: string[] = [];
  const changes: (() => void)[] = [];
  const { openIssuerKeys } = createLasting(
    () => 0,
    ({ issuer, onChange }) => {
      events.push(`opened ${issuer}`);
      changes.push(onChange);
      return {
        issuer,
        find: () => 'unknown_key',
        start: async () => {
          events.push(`fetched ${issuer}`);
        },
        close: () => events.push(`closed ${issuer}`),
        state: () => ({
          ...{ usableKeys: 0, loads: 0, failures: 0 },
          ...{ loadedAt: undefined, lastFailure: undefined },
        }),
      };
    },
  );
  const open = (issuer: string, onChange = () => {}, algorithms = ['RS256']) => {
    const settings: IssuerKeysSettings = {
      ...{ issuer, algorithms, onChange, now: () => 0 },
      log: { info() {}, warn() {} },
    };
    return openIssuerKeys(settings);
  };
  return { open, events, change: () => changes.at(-1)?.() };
}

describe('the keys of an issuer', () => {
  it('are handed over: fetched once for all configurations that name it alike', async () => {
    const { open, events } = createWorld();
    const first = open('https://a');
    await first.start();
    const second = open('https://a');
    await second.start();
    first.close();
    first.close();
    expect(events).toEqual(['opened https://a', 'fetched https://a']);
    second.close();
    expect(events.at(-1)).toBe('closed https://a');
  });

  it('are fetched anew for other settings', () => {
    const { open, events } = createWorld();
    open('https://a');
    open('https://a', () => {}, ['ES256']);
    open('https://b');
    expect(events).toHaveLength(3);
  });

  it('tell each configuration that uses them of a change', () => {
    const { open, change } = createWorld();
    const told: string[] = [];
    const first = open('https://a', () => told.push('first'));
    open('https://a', () => told.push('second'));
    change();
    first.close();
    change();
    expect(told).toEqual(['first', 'second', 'second']);
  });
});
