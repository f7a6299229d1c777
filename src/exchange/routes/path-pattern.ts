import { comparablePath } from './comparable-path.ts';

/** `/orders`, `/orders/*` (one segment) or `/orders/**` (that and all below it). */
export interface PathPattern {
  readonly segments: readonly string[];
  /** It ends in `/**`. */
  readonly open: boolean;
  /** Characters that have to be there as written: more of them is more specific. */
  readonly literalLength: number;
  readonly stars: number;
}

/** @throws RangeError for a pattern that no unambiguous path could match */
export function readPathPattern(text: string): PathPattern {
  const open = text.endsWith('/**');
  const comparable = comparablePath((open ? text.slice(0, -3) : text) || '/');
  if (comparable === undefined) {
    throw new RangeError(`${text} is ambiguous: no path that matches it would be let through`);
  }
  const segments = segmentsOf(comparable);
  const stars = segments.filter((segment) => segment === '*').length;
  return { segments, open, literalLength: comparable.length - stars, stars };
}

/** @returns `['a', 'b']` for `/a/b`, and nothing for `/` */
export function segmentsOf(comparable: string): string[] {
  return comparable === '/' ? [] : comparable.slice(1).split('/');
}

/** Positive when `a` is more specific: more literal text, then closed, then fewer wildcards. */
export function comparePathPatterns(a: PathPattern | undefined, b: PathPattern | undefined) {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return a.literalLength - b.literalLength || Number(b.open) - Number(a.open) || b.stars - a.stars;
}

/** @returns whether some path matches both */
export function pathsOverlap(a: PathPattern | undefined, b: PathPattern | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  const shared = Math.min(a.segments.length, b.segments.length);
  for (let at = 0; at < shared; at++) {
    const [mine, others] = [a.segments[at], b.segments[at]];
    if (mine !== others && mine !== '*' && others !== '*') return false;
  }
  return (
    a.segments.length === b.segments.length ||
    (a.segments.length < b.segments.length ? a.open : b.open)
  );
}
