import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type EnvoySite, names, startEnvoySite, typed } from './envoy.ts';
import type { GatewayPorts } from './gateway-lab.ts';
import type { Started } from './process.ts';

/**
 * What Istio's control plane (its source before 1.31) makes of the recipe for an ingress gateway: a
 * provider becomes the filter ext_authz, the policy a shadow rule that switches it on, the patches are laid over. Only
 * settings that Istio has are taken.
 */
const http = z.strictObject({
  service: z.string(),
  port: z.int().min(1).max(65_535),
  pathPrefix: z.string().startsWith('/'),
  timeout: z.string().default('600s'),
  failOpen: z.boolean().default(false),
  statusOnError: z.string().regex(/^\d{3}$/),
  // A single `*` is an error to Istio; patterns with one are not used here.
  includeRequestHeadersInCheck: z.array(z.string().regex(/^[^*]+$/)),
  includeAdditionalHeadersInCheck: z.record(z.string(), z.string()).default({}),
  headersToUpstreamOnAllow: z.array(z.string().regex(/^[^*]+$/)),
  headersToDownstreamOnDeny: z.array(z.string().regex(/^[^*]+$/)),
});

const grpc = z.strictObject({
  service: z.string(),
  port: z.int().min(1).max(65_535),
  timeout: z.string().default('600s'),
  failOpen: z.boolean().default(false),
  statusOnError: z.string().regex(/^\d{3}$/),
});

const mesh = z.strictObject({
  extensionProviders: z.tuple([
    z.strictObject({ name: z.literal('countersign'), envoyExtAuthzHttp: http }),
    z.strictObject({ name: z.literal('countersign-grpc'), envoyExtAuthzGrpc: grpc }),
  ]),
});

const policy = z.object({
  spec: z.strictObject({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    action: z.literal('CUSTOM'),
    provider: z.strictObject({ name: z.literal('countersign') }),
    // One rule, which all requests match.
    rules: z.tuple([z.strictObject({})]),
  }),
});

const settings = z.record(z.string(), z.unknown());
const patches = z.object({
  spec: z.strictObject({
    workloadSelector: z.strictObject({ labels: z.record(z.string(), z.string()) }),
    configPatches: z.tuple([
      z.object({
        applyTo: z.literal('NETWORK_FILTER'),
        patch: z.strictObject({
          operation: z.literal('MERGE'),
          value: z.strictObject({ typed_config: settings }),
        }),
      }),
      z.object({
        applyTo: z.literal('HTTP_FILTER'),
        patch: z.strictObject({ operation: z.literal('INSERT_FIRST'), value: settings }),
      }),
    ]),
  }),
});

export function startIstio(home: string, ports: GatewayPorts): Started {
  return startEnvoySite(home, ports, siteOf(join(home, 'countersign'), 'countersign'));
}

/** The same with the policy naming the other provider. */
export function startIstioOverGrpc(home: string, ports: GatewayPorts): Started {
  return startEnvoySite(home, ports, siteOf(join(home, 'countersign'), 'countersign-grpc'));
}

function siteOf(folder: string, provider: 'countersign' | 'countersign-grpc'): EnvoySite {
  const text = (file: string) => readFileSync(join(folder, file), 'utf8');
  const [{ envoyExtAuthzHttp }, { envoyExtAuthzGrpc }] = mesh.parse(
    parse(text('meshconfig.yaml')),
  ).extensionProviders;
  const [first, second] = parseAllDocuments(text('countersign.yaml')).map((each) => each.toJS());
  policy.parse(first);
  const [merged, inserted] = patches.parse(second).spec.configPatches;
  const { '@type': _type, ...managerPatch } = merged.patch.value.typed_config;
  const isGrpc = provider === 'countersign-grpc';
  const { service, port } = isGrpc ? envoyExtAuthzGrpc : envoyExtAuthzHttp;
  const cluster = `outbound|${port}||${service}`;
  const asks = isGrpc
    ? extAuthz(envoyExtAuthzGrpc, overGrpc(envoyExtAuthzGrpc, cluster))
    : extAuthz(envoyExtAuthzHttp, overHttp(envoyExtAuthzHttp, cluster));
  return {
    cluster,
    // Istio speaks it where the port's `appProtocol` is grpc, or its name begins so.
    ...(isGrpc && { http2: true }),
    manager: { ...gatewayManager, ...managerPatch },
    filters: [inserted.patch.value, shadowRule(), asks],
  };
}

/** How Istio sets up a gateway by default. */
const gatewayManager = {
  use_remote_address: true,
  normalize_path: true,
  path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
  forward_client_cert_details: 'SANITIZE_SET',
  set_current_client_cert_details: { subject: true, cert: true, dns: true, uri: true },
};

function shadowRule() {
  const everything = { permissions: [{ any: true }], principals: [{ any: true }] };
  const name = 'istio-ext-authz-ns[istio-system]-policy[countersign]-rule[0]';
  return typed('envoy.filters.http.rbac', 'filters.http.rbac.v3.RBAC', {
    shadow_rules: { action: 'DENY', policies: { [name]: everything } },
    shadow_rules_stat_prefix: 'istio_ext_authz_',
  });
}

function extAuthz(provider: z.infer<typeof http | typeof grpc>, asks: object) {
  return typed('envoy.filters.http.ext_authz', 'filters.http.ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    failure_mode_allow: provider.failOpen,
    status_on_error: { code: Number(provider.statusOnError) },
    filter_enabled_metadata: {
      filter: 'envoy.filters.http.rbac',
      path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
      value: { string_match: { prefix: 'istio-ext-authz' } },
    },
    ...asks,
  });
}

function overHttp(provider: z.infer<typeof http>, cluster: string) {
  const uri = `http://${provider.service}`;
  return {
    allowed_headers: names(provider.includeRequestHeadersInCheck),
    http_service: {
      path_prefix: provider.pathPrefix,
      server_uri: { uri, cluster, timeout: provider.timeout },
      authorization_request: {
        headers_to_add: Object.entries(provider.includeAdditionalHeadersInCheck).map(
          ([key, value]) => ({ key, value }),
        ),
      },
      authorization_response: {
        allowed_upstream_headers: names(provider.headersToUpstreamOnAllow),
        allowed_client_headers: names(provider.headersToDownstreamOnDeny),
      },
    },
  };
}

/** All that Istio can say: neither `include_peer_certificate` nor `encode_raw_headers`. */
function overGrpc({ service, timeout }: z.infer<typeof grpc>, cluster: string) {
  return {
    grpc_service: { envoy_grpc: { cluster_name: cluster, authority: service }, timeout },
  };
}
