import { expressionContext } from '../../expression-context.ts';
import type { Expression } from '../../expressions.ts';
import type { Claims, Json, JsonObject, OriginalRequest } from '../../types.ts';
import { isName } from './source-claims.ts';

/** Where the client's name is found: claims to try in order, or an expression. */
export type ClientIdRule =
  | { readonly kind: 'claims'; readonly paths: readonly string[] }
  | { readonly kind: 'expression'; readonly expression: Expression };

/** @returns the client id, or undefined when nothing usable is there */
export function clientIdOf(
  rule: ClientIdRule,
  claims: Claims,
  credential: JsonObject,
  request: OriginalRequest,
): string | undefined {
  const value =
    rule.kind === 'claims'
      ? firstClaim(rule.paths, claims)
      : evaluate(rule.expression, claims, credential, request);
  return isName(value) ? value : undefined;
}

function firstClaim(paths: readonly string[], claims: Claims): Json | undefined {
  for (const path of paths) {
    const value = claimAt(claims, path);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** A claim of that very name wins over a path: names may be URLs, with dots in them. */
function claimAt(claims: Claims, path: string): Json | undefined {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path.split('.').reduce<Json | undefined>(memberOf, claims);
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return inside ? (value as JsonObject)[name] : undefined;
}

function evaluate(
  expression: Expression,
  claims: Claims,
  credential: JsonObject,
  request: OriginalRequest,
): Json | undefined {
  const subject = typeof claims['sub'] === 'string' ? claims['sub'] : '';
  const caller = { client_id: '', subject, claims, credential };
  const { inputs } = expression;
  const result = expression.evaluate(expressionContext({ request, inputs, caller, route: {} }));
  return 'value' in result ? result.value : undefined;
}
