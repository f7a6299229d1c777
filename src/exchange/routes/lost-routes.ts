import { isRefused } from '../refusals.ts';
import type { OriginalRequest } from '../types.ts';
import {
  candidatesOf,
  compareCandidates,
  createRouter,
  type Routed,
  type RouteMatch,
} from './router.ts';

export type Criterion = 'host' | 'path' | 'method';

/** Why a route does not serve a request: what of it does not match, or in what it is less specific. */
export type RouteLoss =
  | { readonly mismatches: readonly Criterion[] }
  | { readonly lessSpecific: Criterion };

/**
 * Tells for people why a route lost. Slow: asks a router of its own for each criterion.
 *
 * @param chosen the route that serves the request; undefined when none does
 */
export function describeLoss(
  route: Routed,
  chosen: Routed | undefined,
  request: OriginalRequest,
): RouteLoss {
  const { hosts, paths, methods } = route.match;
  const mismatches: Criterion[] = [];
  if (!matches({ hosts }, request)) mismatches.push('host');
  if (!matches({ paths }, request)) mismatches.push('path');
  if (!matches({ methods }, request)) mismatches.push('method');
  if (mismatches.length > 0 || chosen === undefined) return { mismatches };

  const [mine, others] = [bestCandidate(route, request), bestCandidate(chosen, request)];
  const narrowed = { ...mine, path: undefined, methods: undefined };
  if (compareCandidates(narrowed, { ...others, path: undefined, methods: undefined }) !== 0) {
    return { lessSpecific: 'host' };
  }
  const isPath =
    compareCandidates({ ...mine, methods: undefined }, { ...others, methods: undefined }) !== 0;
  return { lessSpecific: isPath ? 'path' : 'method' };
}

function matches(match: RouteMatch, request: OriginalRequest): boolean {
  return !isRefused(createRouter([{ match }], undefined).find(request));
}

/** Of a route that matches, what it matches by. */
function bestCandidate({ match }: Routed, request: OriginalRequest) {
  const hosts = match.hosts?.filter((host) => matches({ hosts: [host] }, request));
  const paths = match.paths?.filter((path) => matches({ paths: [path] }, request));
  const [best] = candidatesOf({ match: { ...match, hosts, paths } }).sort(compareCandidates);
  if (best === undefined) throw new RangeError('the route does not match');
  return best;
}
