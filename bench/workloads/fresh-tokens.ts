import { askWithBearer } from '../asking.ts';
import { withoutReuse } from '../configuration.ts';
import { bearerTokens } from '../identity-provider.ts';
import type { SigningAlgorithm, Workload } from '../workload.ts';

/** Every request verifies with RS256 and signs: `token.reuse: off`. */
export const freshTokens: readonly Workload[] = [
  fresh('RS256', 1.2),
  fresh('ES256', 1.5),
  fresh('Ed25519', 1.5),
];

function fresh(algorithm: SigningAlgorithm, max: number): Workload {
  return {
    name: `fresh-${algorithm.toLowerCase()}`,
    title: `A fresh ${algorithm} token each time`,
    service: { configuration: { ...withoutReuse, keys: { algorithm, directory: 'keys' } } },
    asked: askWithBearer(() => bearerTokens(2000)),
    floor: { kind: 'crypto', sign: algorithm, tokenIn: 'header' },
    bounds: [{ kind: 'ratio', max }],
    quick: true,
  };
}
