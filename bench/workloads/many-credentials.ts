import { askWithBearer } from '../asking.ts';
import { baseService, withToken } from '../configuration.ts';
import { bearerTokens } from '../identity-provider.ts';
import type { Workload } from '../workload.ts';

const aHundredThousand = 100_000;

export const manyCredentials: readonly Workload[] = [
  {
    name: '2000',
    title: '2,000 bearer tokens in turn',
    service: baseService,
    asked: askWithBearer(() => bearerTokens(2000)),
    floor: { kind: 'answer' },
    bounds: [
      { kind: 'ratio', max: 1.6 },
      { kind: 'memory', mib: 130 },
    ],
    quick: true,
  },
  {
    name: '100000',
    title: '100,000 bearer tokens in turn, with room for them',
    service: {
      configuration: withToken({
        reuse: { remaining: '50%', max_entries: aHundredThousand, max_bytes: '1GiB' },
      }),
    },
    asked: askWithBearer(() => bearerTokens(aHundredThousand)),
    floor: { kind: 'answer' },
    bounds: [{ kind: 'ratio', max: 1.8 }],
    quick: false,
  },
];
