import { describe, expect, it } from '@jest/globals';
import { parseOptions } from '../../../bench/options.ts';

const parse = (...args: string[]) => parseOptions(args, ['same', 'soak']);

describe('the options of the benchmark', () => {
  it('measure longer in a full run than in a quick one', () => {
    expect(parse().seconds).toBeGreaterThan(parse('--quick').seconds);
    expect(parse('--quick', '--seconds', '5').seconds).toBe(5);
  });

  it('choose workloads and Nodes', () => {
    const chosen = parse('--only', 'same', '--only', 'soak', '--node', '24', '--soak', '0.5');
    expect(chosen).toMatchObject({ only: ['same', 'soak'], nodes: [24], soakMinutes: 0.5 });
  });

  it.each([
    [['--only', 'other'], 'there are same, soak'],
    [['--seconds', '0'], '--seconds takes'],
    [['--soak', 'x'], '--soak takes'],
    [['--loud'], '--loud'],
  ])('refuse %j', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});
