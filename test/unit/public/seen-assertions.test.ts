import { describe, expect, it } from '@jest/globals';
import { createSeenAssertions } from '../../../src/public/seen-assertions.ts';

describe('assertions that were seen', () => {
  it('are remembered until they end', () => {
    let at = 0;
    const { remember } = createSeenAssertions({ now: () => at });
    expect(remember('c', 'one', 60)).toBe('new');
    at = 59_999;
    expect(remember('c', 'one', 60)).toBe('seen');
    at = 60_000;
    expect(remember('c', 'one', 120)).toBe('new');
  });

  it('are refused where there is no room, and none is forgotten before its end', () => {
    let at = 0;
    const { remember } = createSeenAssertions({ now: () => at, maxPerClient: 3 });
    for (const jti of ['a', 'b', 'c']) expect(remember('c', jti, 60)).toBe('new');
    expect(remember('c', 'd', 60)).toBe('full');
    expect(remember('c', 'a', 60)).toBe('seen');
    expect(remember('other', 'd', 60)).toBe('new');
    at = 60_000;
    expect(remember('c', 'd', 120)).toBe('new');
    expect(remember('c', 'd', 120)).toBe('seen');
  });

  it('make room as they end, however close that is', () => {
    let at = 0;
    const { remember } = createSeenAssertions({ now: () => at, maxPerClient: 2 });
    remember('c', 'a', 1);
    remember('c', 'b', 2);
    expect(remember('c', 'c', 60)).toBe('full');
    at = 1000;
    expect(remember('c', 'c', 60)).toBe('new');
    expect(remember('c', 'd', 60)).toBe('full');
  });
});
