import { parseArgs } from 'node:util';

export interface Options {
  readonly quick: boolean;
  /** Names of workloads; empty for all. */
  readonly only: readonly string[];
  /** Of load on the service, and as long on the floor. */
  readonly seconds: number;
  /** Majors of the Nodes that run the service; undefined for this one, and a comparison. */
  readonly nodes: readonly number[] | undefined;
  readonly soakMinutes: number;
}

export const usage = `Usage: npm run bench -- [options]

Measures the built service beside its floor, and writes bench/RESULTS.md.

  --quick            what has a bound, in a minute and a half; writes nothing
  --only <name>      one workload; may be repeated; writes nothing
  --seconds <n>      load on each side of a workload; 9, with --quick 2
  --node <major>     the Node that runs the service, as 24; may be repeated
  --soak <minutes>   10

It ends with 1 when a figure is over its bound, twice in a row.
`;

/** @throws TypeError or RangeError that says what is wrong */
export function parseOptions(args: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string' },
      node: { type: 'string', multiple: true },
      soak: { type: 'string', default: '10' },
    },
  });
  const unknown = values.only.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`no workload ${unknown}; there are ${known.join(', ')}`);
  }
  return {
    quick: values.quick,
    only: values.only,
    seconds: positive('seconds', values.seconds ?? (values.quick ? '2' : '9')),
    nodes: values.node?.map((major) => positive('node', major)),
    soakMinutes: positive('soak', values.soak),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} takes a number above 0`);
  return value;
}
