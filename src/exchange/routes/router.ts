import { refuse } from '../refusals.ts';
import type { OriginalRequest, Refused } from '../types.ts';
import { comparablePath } from './comparable-path.ts';
import {
  type HostPattern,
  matchesHost,
  ownPort,
  readHostPattern,
  splitAuthority,
} from './host-pattern.ts';
import {
  comparePathPatterns,
  type PathPattern,
  pathsOverlap,
  readPathPattern,
  segmentsOf,
} from './path-pattern.ts';
import { PathTree } from './path-tree.ts';

/** Which requests a route serves; a list that is absent matches everything. */
export interface RouteMatch {
  readonly hosts?: readonly string[] | undefined;
  readonly paths?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
}

export interface Routed {
  readonly match: RouteMatch;
  /** Decides by the path in another way too: an ambiguous one must not reach it. */
  readonly judgesPath?: boolean;
}

export interface Router<R> {
  /** @returns the most specific route that matches, or why none serves the request */
  find(request: OriginalRequest): R | Refused;
}

/** Two routes match the same requests, and neither is more specific. */
export class RouteTieError extends Error {
  override readonly name = 'RouteTieError';
  /** Positions in the list of routes. */
  readonly routes: readonly [number, number];

  constructor(first: number, second: number) {
    super('matches the same requests as another route, and neither is more specific');
    this.routes = [Math.min(first, second), Math.max(first, second)];
  }
}

/**
 * Finds routes by specificity: host exact, then the longer wildcard, then any; the longest literal
 * path; then method.
 *
 * @param defaultRoute serves what no route matches; without one that is refused
 * @throws RouteTieError
 */
export function createRouter<R extends Routed>(
  routes: readonly R[],
  defaultRoute: R | undefined,
): Router<R> {
  const candidates = routes.flatMap(candidatesOf).sort(compareCandidates);
  rejectTies(candidates, routes);
  const trees = plant(candidates);
  const all = defaultRoute ? [...routes, defaultRoute] : routes;
  const readsPaths = all.some(({ match, judgesPath }) => match.paths ?? judgesPath);
  const noRoute = refuse('no_route');
  const ambiguousPath = refuse('ambiguous_path');
  if (candidates.length === 0 && !readsPaths) return { find: () => defaultRoute ?? noRoute };

  return {
    find(request) {
      const path = readsPaths ? comparablePath(request.path) : '/';
      if (path === undefined) return ambiguousPath;
      const segments = segmentsOf(path);
      const { name, port = ownPort[request.scheme ?? ''] } = splitAuthority(request.host);
      const serves = (candidate: Candidate<R>) =>
        (candidate.host === undefined || matchesHost(candidate.host, name, port)) &&
        (candidate.methods === undefined || candidate.methods.has(request.method));
      for (const key of hostKeys(name)) {
        const found = trees.get(key)?.find(segments, serves);
        if (found) return found.route;
      }
      return defaultRoute ?? noRoute;
    },
  };
}

/** One host, one path and the methods of a route: the unit that matches and competes. */
export interface Candidate<R> {
  readonly route: R;
  readonly host: HostPattern | undefined;
  readonly path: PathPattern | undefined;
  readonly methods: ReadonlySet<string> | undefined;
}

export function candidatesOf<R extends Routed>(route: R): Candidate<R>[] {
  const hosts = route.match.hosts?.map(readHostPattern) ?? [undefined];
  const paths = route.match.paths?.map(readPathPattern) ?? [undefined];
  const methods = route.match.methods && new Set(route.match.methods);
  return hosts.flatMap((host) => paths.map((path) => ({ route, host, path, methods })));
}

/** Most specific first. */
export function compareCandidates<R>(a: Candidate<R>, b: Candidate<R>): number {
  return (
    hostRank(b.host) - hostRank(a.host) ||
    comparePathPatterns(b.path, a.path) ||
    Number(b.methods !== undefined) - Number(a.methods !== undefined)
  );
}

/** Longer than any host name (RFC 1035 §2.3.4), so that exact names come before wildcards. */
const exactness = 1000;

function hostRank(host: HostPattern | undefined): number {
  if (host === undefined) return 0;
  const narrower = host.port === undefined ? 0 : 0.5; // than the same host with any port
  return host.wildcard ? host.name.length + narrower : exactness + narrower;
}

function rejectTies<R extends Routed>(
  candidates: readonly Candidate<R>[],
  routes: readonly R[],
): void {
  for (const [at, a] of candidates.entries()) {
    for (const b of candidates.slice(at + 1)) {
      if (compareCandidates(a, b) !== 0) break; // sorted: nothing after it ties with `a`
      if (a.route !== b.route && overlap(a, b)) {
        throw new RouteTieError(routes.indexOf(a.route), routes.indexOf(b.route));
      }
    }
  }
}

function overlap<R>(a: Candidate<R>, b: Candidate<R>): boolean {
  const [mine, others] = [a.methods, b.methods];
  const someMethod = !mine || !others || [...mine].some((method) => others.has(method));
  // Hosts of one rank overlap only when they are the same.
  const sameHost = a.host?.name === b.host?.name && a.host?.port === b.host?.port;
  return someMethod && sameHost && pathsOverlap(a.path, b.path);
}

/** A tree for each host name, for each wildcard's suffix, and for any host. */
function plant<R>(candidates: readonly Candidate<R>[]) {
  const trees = new Map<string, PathTree<Candidate<R> & { order: number }>>();
  for (const [order, candidate] of candidates.entries()) {
    const key = treeKey(candidate.host);
    const tree = trees.get(key) ?? new PathTree();
    trees.set(key, tree);
    tree.add({ ...candidate, order });
  }
  return trees;
}

function treeKey(host: HostPattern | undefined): string {
  if (host === undefined) return '*';
  return host.wildcard ? `*.${host.name}` : host.name;
}

/** `a.b.c` is looked up as `a.b.c`, `*.b.c`, `*.c` and `*`. */
function* hostKeys(name: string): Generator<string> {
  yield name;
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    yield `*${name.slice(dot)}`;
  }
  yield '*';
}
