import { describe, expect, it } from '@jest/globals';
import { createLeases } from '../../../src/assemble/leases.ts';

function createWorld() {
  const closed: string[] = [];
  let made = 0;
  let tell = (_event: string) => {};
  const leases = createLeases<string, string>(async (value) => {
    closed.push(value);
  });
  const heard: string[] = [];
  const take = (key: string, name: string) =>
    leases.take(
      key,
      (send) => {
        tell = send;
        return `${key}-${++made}`;
      },
      (event) => heard.push(`${name}: ${event}`),
    );
  return { take, closed, heard, tell: (event: string) => tell(event) };
}

describe('a lease', () => {
  it('is of the same thing for all who give its key, and of another for who gives another', () => {
    const { take } = createWorld();
    expect([take('a', 'x'), take('a', 'y'), take('b', 'z')].map(({ value }) => value)).toEqual([
      'a-1',
      'a-1',
      'b-2',
    ]);
  });

  it('closes the thing after the last has let go, once, and not before', async () => {
    const { take, closed } = createWorld();
    const [first, second] = [take('a', 'x'), take('a', 'y')];
    await first.release();
    await first.release();
    expect(closed).toEqual([]);
    await second.release();
    expect(closed).toEqual(['a-1']);
    expect(take('a', 'x').value).toBe('a-2');
  });

  it('tells every holder what happens, and nobody who has let go', async () => {
    const { take, heard, tell } = createWorld();
    const first = take('a', 'x');
    take('a', 'y');
    tell('one');
    await first.release();
    tell('two');
    expect(heard).toEqual(['x: one', 'y: one', 'y: two']);
  });
});
