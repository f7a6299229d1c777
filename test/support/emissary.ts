import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type EnvoySite, names, startEnvoySite, typed } from './envoy.ts';
import type { GatewayPorts } from './gateway-lab.ts';
import type { Started } from './process.ts';

/** What Emissary (4.1) makes of the recipe; only settings that it has are taken. */
const authService = z.object({
  kind: z.literal('AuthService'),
  spec: z.strictObject({
    auth_service: z.string(),
    proto: z.literal('http'),
    path_prefix: z.string().startsWith('/'),
    timeout_ms: z.int(),
    failure_mode_allow: z.boolean(),
    status_on_error: z.strictObject({ code: z.int() }),
    allowed_request_headers: z.array(z.string()),
    allowed_authorization_headers: z.array(z.string()),
  }),
});

const module = z.object({
  kind: z.literal('Module'),
  // Any other name is not read.
  metadata: z.strictObject({ name: z.literal('ambassador'), namespace: z.string() }),
  spec: z.strictObject({
    config: z.strictObject({
      headers_with_underscores_action: z.string(),
      forward_client_cert_details: z.string(),
      set_current_client_cert_details: z.record(z.string(), z.boolean()),
      lua_scripts: z.string(),
    }),
  }),
});

/** Headers that it always lets through, both ways. */
const toService = [
  ...['authorization', 'cookie', 'from', 'proxy-authorization', 'user-agent'],
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'],
];
const fromService = [
  ...['location', 'authorization', 'proxy-authenticate', 'set-cookie', 'www-authenticate'],
];

export function startEmissary(home: string, ports: GatewayPorts): Started {
  return startEnvoySite(home, ports, siteOf(join(home, 'countersign')));
}

function siteOf(folder: string): EnvoySite {
  const text = readFileSync(join(folder, 'countersign.yaml'), 'utf8');
  const [first, second] = parseAllDocuments(text).map((each) => each.toJS());
  const { spec } = authService.parse(first);
  const { config } = module.parse(second).spec;
  const { headers_with_underscores_action, lua_scripts, ...manager } = config;
  const cluster = 'cluster_extauth_countersign_countersign_8080_emissary';
  return {
    cluster,
    manager: {
      use_remote_address: true,
      normalize_path: true,
      common_http_protocol_options: { headers_with_underscores_action },
      ...manager,
    },
    // It puts the script before the question.
    filters: [
      typed('envoy.filters.http.lua', 'filters.http.lua.v3.Lua', { inline_code: lua_scripts }),
      extAuthz(spec, cluster),
    ],
  };
}

function extAuthz(spec: z.infer<typeof authService>['spec'], cluster: string) {
  const answered = names([...spec.allowed_authorization_headers, ...fromService]);
  return typed('envoy.filters.http.ext_authz', 'filters.http.ext_authz.v3.ExtAuthz', {
    clear_route_cache: true,
    failure_mode_allow: spec.failure_mode_allow,
    status_on_error: spec.status_on_error,
    http_service: {
      path_prefix: spec.path_prefix,
      server_uri: {
        uri: `http:/${spec.path_prefix}`,
        cluster,
        timeout: `${spec.timeout_ms / 1000}s`,
      },
      authorization_request: {
        allowed_headers: names([...spec.allowed_request_headers, ...toService]),
      },
      authorization_response: {
        allowed_upstream_headers: answered,
        allowed_client_headers: answered,
      },
    },
  });
}
