import type { PathPattern } from './path-pattern.ts';

/** Something to find by path; `order` says who wins, the lowest first. */
export interface Entry {
  readonly order: number;
  readonly path: PathPattern | undefined;
}

/** Finds the best entry for a path, at a cost that depends on the path and not on their number. */
export class PathTree<E extends Entry> {
  readonly #root: Node<E> = createNode();

  add(entry: E): void {
    let node = this.#root;
    for (const segment of entry.path?.segments ?? []) node = childOf(node, segment);
    const list = entry.path === undefined || entry.path.open ? node.below : node.here;
    list.push(entry);
    list.sort((a, b) => a.order - b.order);
  }

  /**
   * @param segments of a comparable path
   * @param accepts what else has to hold
   */
  find(segments: readonly string[], accepts: (entry: E) => boolean): E | undefined {
    return search(this.#root, segments, 0, accepts);
  }
}

interface Node<E> {
  readonly children: Map<string, Node<E>>;
  /** Serves exactly this path. */
  readonly here: E[];
  /** Serves this path and all below it. */
  readonly below: E[];
}

function createNode<E>(): Node<E> {
  return { children: new Map(), here: [], below: [] };
}

function childOf<E>(node: Node<E>, segment: string): Node<E> {
  const child = node.children.get(segment) ?? createNode();
  node.children.set(segment, child);
  return child;
}

function search<E extends Entry>(
  node: Node<E>,
  segments: readonly string[],
  at: number,
  accepts: (entry: E) => boolean,
): E | undefined {
  let best = node.below.find(accepts);
  const segment = segments[at];
  if (segment === undefined) return better(best, node.here.find(accepts));
  const literal = node.children.get(segment);
  if (literal) best = better(best, search(literal, segments, at + 1, accepts));
  // A literal `*` in a path must not walk the wildcard's branch twice.
  const star = segment === '' || segment === '*' ? undefined : node.children.get('*');
  if (star) best = better(best, search(star, segments, at + 1, accepts));
  return best;
}

function better<E extends Entry>(a: E | undefined, b: E | undefined): E | undefined {
  return a === undefined || (b !== undefined && b.order < a.order) ? b : a;
}
