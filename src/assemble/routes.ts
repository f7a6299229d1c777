import { layToken } from '../config/lay-token.ts';
import type { Path } from '../config/problems.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import type { Token } from '../config/schema/token.ts';
import {
  compileExpression,
  type Expression,
  joinInputs,
  type RequestInputs,
} from '../exchange/expressions.ts';
import type { AudienceRule, ClaimRule, ReuseRules, Route, TokenRules } from '../exchange/route.ts';
import { createRouter, type Router, RouteTieError } from '../exchange/routes/router.ts';
import type { Json, JsonObject } from '../exchange/types.ts';
import { urlUnder } from '../public/issuer-urls.ts';
import type { Findings } from './findings.ts';

type RouteSettings = NonNullable<Configuration['default_route']> &
  Partial<Configuration['routes'][number]>;

export interface Routes {
  readonly router: Router<Route>;
  readonly all: readonly Route[];
}

/** @param always what the credentials' own expressions read: it is part of every reuse key */
export function compileRoutes(
  configuration: Configuration,
  always: RequestInputs,
  findings: Findings,
): Routes | undefined {
  const { routes, default_route: last } = configuration;
  const compile = (settings: RouteSettings, path: Path, index: number) =>
    new RouteCompiler(configuration, path, findings).compile(settings, index, always);
  const compiled = routes.map((settings, index) => compile(settings, ['routes', index], index));
  const defaultRoute = last && compile(last, ['default_route'], routes.length);
  const router = findings.attempt([], () => routerOf(compiled, defaultRoute, findings));
  return router && { router, all: defaultRoute ? [...compiled, defaultRoute] : compiled };
}

function routerOf(
  routes: readonly Route[],
  defaultRoute: Route | undefined,
  findings: Findings,
): Router<Route> | undefined {
  try {
    return createRouter(routes, defaultRoute);
  } catch (error) {
    if (!(error instanceof RouteTieError)) throw error;
    const [first, second] = error.routes;
    findings.add(
      ['routes', second, 'match'],
      `ties with routes[${first}]: both match some request and neither is more specific`,
    );
    return undefined;
  }
}

/** Compiles one route; what is wrong becomes a finding at its own key. */
class RouteCompiler {
  readonly #configuration: Configuration;
  readonly #path: Path;
  readonly #findings: Findings;
  readonly #expressions: Expression[] = [];

  constructor(configuration: Configuration, path: Path, findings: Findings) {
    this.#configuration = configuration;
    this.#path = path;
    this.#findings = findings;
  }

  compile(settings: RouteSettings, index: number, always: RequestInputs): Route {
    const { match = {}, name = settings.match ? `routes[${index}]` : 'default_route' } = settings;
    const token = layToken(this.#configuration.token, settings.token);
    const condition = settings.require;
    const require = condition
      ? this.#expression(condition, [...this.#path, 'require'], 'bool')
      : undefined;
    const rules = this.#tokenRules(token, settings.token ?? {});
    const inputs = joinInputs([always, ...this.#expressions.map((each) => each.inputs)]);
    return {
      name,
      match,
      facts: routeFacts(name, match),
      judgesPath: require?.inputs.members.has('path') ?? false,
      require,
      anonymousClientId: settings.anonymous?.client_id,
      token: rules,
      inputs,
      reuse: reuseRules(token, rules.audience, inputs, index),
    };
  }

  #tokenRules(token: Token, own: object): TokenRules {
    const { issuer } = this.#configuration;
    return {
      header: token.header,
      downstreamHeader: token.downstream_header,
      expiresIn: token.expires_in,
      audience: this.#audience(token.audience, this.#pathOf('audience', own)),
      copy: Array.isArray(token.copy) ? new Set(token.copy) : (token.copy as 'all' | 'none'),
      drop: new Set(token.drop),
      claims: Object.entries(token.claims).flatMap(([name, claim]) =>
        this.#claim(name, claim, this.#pathOf('claims', own, name)),
      ),
      headers: Object.entries(token.headers).flatMap(([name, source]) => {
        const expression = this.#expression(source, this.#pathOf('headers', own, name));
        return expression ? [{ name, expression }] : [];
      }),
      jku: token.jku ? urlUnder(issuer, '/jwks') : undefined,
      maxHeaderBytes: token.max_header_bytes,
    };
  }

  #audience(audience: Token['audience'], path: Path): AudienceRule {
    if (audience === 'upstream') return { kind: 'upstream' };
    if (typeof audience === 'string' || Array.isArray(audience)) {
      return { kind: 'fixed', value: audience as string | readonly string[] };
    }
    const expression = this.#expression((audience as { cel: string }).cel, path);
    return expression ? { kind: 'expression', expression } : { kind: 'upstream' };
  }

  #claim(name: string, claim: Token['claims'][string], path: Path): ClaimRule[] {
    if (typeof claim !== 'string') return [{ name, value: claim.value as Json }];
    const expression = this.#expression(claim, path);
    return expression ? [{ name, expression }] : [];
  }

  #expression(source: string, path: Path, expected?: 'bool' | 'string'): Expression | undefined {
    const compiled = this.#findings.attempt(path, () => compileExpression(source, expected));
    if (compiled) this.#expressions.push(compiled);
    return compiled;
  }

  /** Where a setting was written: in the route's own `token`, or in the general one. */
  #pathOf(key: string, own: object, name?: string): Path {
    const laid = (own as { readonly [key: string]: unknown })[key];
    const inRoute = name === undefined ? laid !== undefined : Object.hasOwn(laid ?? {}, name);
    const base = inRoute ? [...this.#path, 'token', key] : ['token', key];
    return name === undefined ? base : [...base, name];
  }
}

function reuseRules(
  token: Token,
  audience: AudienceRule,
  { members, headers, anyHeader }: RequestInputs,
  routeIndex: number,
): ReuseRules | undefined {
  // No key can name a header that is chosen at run time.
  if (token.reuse === 'off' || anyHeader) return undefined;
  const upstream = audience.kind === 'upstream';
  return {
    routeIndex,
    remaining: token.reuse.remaining,
    method: members.has('method'),
    host: upstream || members.has('host'),
    scheme: upstream || members.has('scheme'),
    path: members.has('path'),
    query: members.has('query'),
    headers: [...headers].sort(),
  };
}

function routeFacts(name: string, match: Route['match']): JsonObject {
  const facts: { [member: string]: Json } = { name };
  for (const [member, list] of Object.entries(match)) if (list) facts[member] = list;
  return facts;
}
