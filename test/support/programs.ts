import { join } from 'node:path';

const cache = join(import.meta.dirname, '..', '..', '.cache');

/** Programs that the set-up keeps for the tests, and does not install into the system. */
export const programs = {
  envoy: join(cache, 'python', 'bin', 'envoy'),
  traefik: join(cache, 'traefik', 'traefik'),
  hadolint: join(cache, 'python', 'bin', 'hadolint'),
  kustomize: join(cache, 'kubernetes', 'kustomize'),
  helm: join(cache, 'kubernetes', 'helm'),
  kubeScore: join(cache, 'kubernetes', 'kube-score'),
};
