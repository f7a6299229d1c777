import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const recipe = join(import.meta.dirname, '..', '..', 'gateways', 'apisix', 'apisix.yaml');

/** The settings of the plugin forward-auth, as APISIX 3.18 checks them; an unknown one is a slip. */
const forwardAuth = z.strictObject({
  uri: z.string(),
  allow_degradation: z.boolean().default(false),
  status_on_error: z.int().min(200).max(599).default(403),
  ssl_verify: z.boolean().default(true),
  request_method: z.enum(['GET', 'POST']).default('GET'),
  max_req_body_size: z.int().min(1).optional(),
  request_headers: z.array(z.string()).default([]),
  extra_headers: z.record(z.string().regex(/^[^:]+$/), z.string()).default({}),
  upstream_headers: z.array(z.string()).default([]),
  client_headers: z.array(z.string()).default([]),
  timeout: z.int().min(1).max(60_000).default(3000),
  keepalive: z.boolean().default(true),
  keepalive_timeout: z.int().min(1000).default(60_000),
  keepalive_pool: z.int().min(1).default(5),
});

const serverless = z.strictObject({
  phase: z.enum(['rewrite', 'access', 'header_filter', 'body_filter', 'log', 'before_proxy']),
  functions: z.array(z.string()).min(1),
});

const file = z.strictObject({
  routes: z.tuple([
    z.strictObject({
      id: z.string(),
      uri: z.string(),
      plugins: z.strictObject({
        'serverless-pre-function': serverless,
        'forward-auth': forwardAuth,
      }),
      upstream: z.strictObject({
        type: z.literal('roundrobin'),
        nodes: z.record(z.string(), z.int()),
      }),
    }),
  ]),
});

export type ForwardAuth = z.infer<typeof forwardAuth>;

/** The shipped recipe, checked. */
export function readApisixRecipe() {
  const text = readFileSync(recipe, 'utf8');
  const [route] = file.parse(parse(text)).routes;
  return {
    text,
    forwardAuth: route.plugins['forward-auth'],
    preFunction: route.plugins['serverless-pre-function'],
  };
}

/** A client's request, as nginx sees it inside APISIX. */
export interface ApisixRequest {
  readonly scheme: string;
  readonly method: string;
  /** nginx's `$host`: without port, lower case. */
  readonly host: string;
  /** The target of the request line. */
  readonly target: string;
  /** Names in lower case; of several lines the first is what the plugin takes. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The header lines with which forward-auth asks about a request, as its source builds them: its own
 * first, then `extra_headers` over them, then those of `request_headers` that are not there yet.
 */
export function apisixQuestion(settings: ForwardAuth, request: ApisixRequest): string[] {
  const variables: Readonly<Record<string, string>> = { real_request_uri: request.target };
  const headers = new Map([
    ['X-Forwarded-Proto', request.scheme],
    ['X-Forwarded-Method', request.method],
    ['X-Forwarded-Host', request.host],
    // What it has decoded.
    ['X-Forwarded-Uri', decodeURIComponent(request.target)],
    ['X-Forwarded-For', '127.0.0.1'],
  ]);
  for (const [name, value] of Object.entries(settings.extra_headers)) {
    headers.set(
      name,
      value.replace(/\$(\w+)/g, (_, variable) => variables[variable] ?? ''),
    );
  }
  for (const name of settings.request_headers) {
    const value = request.headers[name.toLowerCase()];
    if (value !== undefined && !headers.has(name)) headers.set(name, value);
  }
  headers.set('Host', new URL(settings.uri).host);
  headers.set('User-Agent', 'lua-resty-http/0.17.2 (Lua) ngx_lua/10028');
  return [...headers].flat();
}
