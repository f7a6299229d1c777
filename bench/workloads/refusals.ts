import { askAsNginx, askWithBearer } from '../asking.ts';
import { baseService } from '../configuration.ts';
import { forgedTokens } from '../identity-provider.ts';
import type { Workload } from '../workload.ts';

export const refusals: readonly Workload[] = [
  {
    name: 'no-credential',
    title: 'No credential',
    service: baseService,
    asked: askAsNginx({ status: 401 }),
    floor: { kind: 'answer' },
    bounds: [],
    quick: false,
  },
  {
    name: 'forged',
    title: '2,000 forged bearer tokens in turn',
    service: baseService,
    asked: askWithBearer(() => forgedTokens(2000), 401),
    floor: { kind: 'crypto', tokenIn: 'header' },
    bounds: [{ kind: 'ratio', max: 1.6 }],
    quick: true,
  },
];
