import type { Result } from './run.ts';
import type { Bound } from './workload.ts';

/** A line of the report. */
export interface Row {
  readonly name: string;
  readonly title: string;
  readonly cells: Readonly<Record<Column, string>>;
  /** What holds for it, and whether it does; empty where nothing has to. */
  readonly bounds: readonly { readonly text: string; readonly holds: boolean }[];
}

export const columns = [
  'CPU µs',
  'floor',
  'ratio',
  'requests/s',
  'p50 ms',
  'p99 ms',
  'peak MiB',
] as const;
export type Column = (typeof columns)[number];

export const emptyCells: Row['cells'] = {
  'CPU µs': '',
  floor: '',
  ratio: '',
  'requests/s': '',
  'p50 ms': '',
  'p99 ms': '',
  'peak MiB': '',
};

export function rowOf({ workload, service, floor, ratio, peak, broken }: Result): Row {
  const { name, title, bounds } = workload;
  return {
    name,
    title,
    cells: {
      'CPU µs': service.micros.toFixed(1),
      floor: floor.micros.toFixed(1),
      ratio: ratio.toFixed(2),
      'requests/s': service.perSecond.toFixed(0),
      'p50 ms': service.p50.toFixed(2),
      'p99 ms': service.p99.toFixed(2),
      'peak MiB': peak.toFixed(0),
    },
    bounds: bounds.map((bound) => ({ text: describe(bound), holds: !broken.includes(bound) })),
  };
}

function describe(bound: Bound): string {
  switch (bound.kind) {
    case 'ratio':
      return `≤ ${bound.max} × floor`;
    case 'growth':
      return `< ${bound.percent} % or ${bound.micros} µs more`;
    case 'memory':
      return `≤ ${bound.mib} MiB`;
  }
}

export function verdictOf({ bounds }: Row): string {
  return bounds.map(({ text, holds }) => (holds ? text : `OVER: ${text}`)).join('; ');
}

export function isOver({ bounds }: Row): boolean {
  return bounds.some(({ holds }) => !holds);
}
