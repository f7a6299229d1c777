import type { RouteToken } from './schema/routes.ts';
import { type Token, tokenSchema } from './schema/token.ts';

const defaults: Token = tokenSchema.parse({});

/**
 * Lays a route's `token` over the general one: values and lists replace, maps merge by name, and
 * null takes a setting back to its default, or one entry out of a map.
 */
export function layToken(general: Token, route: RouteToken | undefined): Token {
  if (route === undefined) return general;
  function lay<Key extends 'expires_in' | 'audience' | 'copy' | 'drop' | 'jku'>(
    key: Key,
  ): Token[Key] {
    const laid = route?.[key];
    if (laid === undefined) return general[key];
    return laid === null ? defaults[key] : (laid as Token[Key]);
  }
  return {
    ...general,
    expires_in: lay('expires_in'),
    audience: lay('audience'),
    copy: lay('copy'),
    drop: lay('drop'),
    jku: lay('jku'),
    claims: layClaims(general.claims, route.claims),
    headers: { ...general.headers, ...route.headers },
    reuse: layReuse(general.reuse, route.reuse),
  };
}

function layClaims(general: Token['claims'], route: RouteToken['claims']): Token['claims'] {
  if (route === null) return defaults.claims;
  const laid = new Map(Object.entries(general));
  for (const [name, claim] of Object.entries(route ?? {})) {
    if (claim === null) laid.delete(name);
    else laid.set(name, claim);
  }
  return Object.fromEntries(laid);
}

/** The bounds are those of the one cache, so a route has only a fraction of its own. */
function layReuse(general: Token['reuse'], route: RouteToken['reuse']): Token['reuse'] {
  if (route === undefined) return general;
  if (route === null || route === 'off') return route ?? defaults.reuse;
  const bounds = general === 'off' ? defaults.reuse : general;
  return bounds === 'off' ? 'off' : { ...bounds, ...route };
}
