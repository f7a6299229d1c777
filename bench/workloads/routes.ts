import { askWithBearer } from '../asking.ts';
import { bearerTokens } from '../identity-provider.ts';
import type { Service, Workload } from '../workload.ts';

/** The route that is asked for, and others: half of them with its host, half with hosts of their own. */
function serviceOf(count: number): Service {
  const asked = { match: { hosts: ['orders.example.com'], paths: ['/orders/**'] } };
  const others = Array.from({ length: count - 1 }, (_, index) => ({
    match: {
      hosts: [index % 2 === 0 ? 'orders.example.com' : `service-${index}.example.com`],
      paths: [`/service-${index}/**`],
    },
  }));
  return { configuration: { routes: [...others, asked] } };
}

export const routes: readonly Workload[] = [
  {
    name: 'routes',
    title: 'One of 1,000 routes; floor: it is the only one',
    service: serviceOf(1000),
    asked: askWithBearer(() => bearerTokens(1)),
    floor: { kind: 'service', service: serviceOf(1) },
    bounds: [{ kind: 'growth', percent: 10, micros: 2 }],
    quick: true,
  },
];
