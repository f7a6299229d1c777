import { askWithBearer } from '../asking.ts';
import { baseService } from '../configuration.ts';
import { bearerTokens } from '../identity-provider.ts';
import type { Workload } from '../workload.ts';

/** What most requests are: somebody who was here a moment ago. */
const common = {
  asked: askWithBearer(() => bearerTokens(1)),
  floor: { kind: 'answer' },
  quick: true,
} as const;

export const sameCredential: readonly Workload[] = [
  {
    ...common,
    name: 'same',
    title: 'The same bearer token',
    service: baseService,
    bounds: [{ kind: 'ratio', max: 1.4 }],
  },
  {
    ...common,
    name: 'same-logged',
    title: 'The same, every decision logged',
    service: { configuration: { log: { decisions: 'all' } } },
    bounds: [{ kind: 'ratio', max: 1.7 }],
  },
];
