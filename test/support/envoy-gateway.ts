import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type EnvoySite, names, startEnvoySite, typed } from './envoy.ts';
import type { GatewayPorts } from './gateway-lab.ts';
import type { Started } from './process.ts';

/** What Envoy Gateway (1.9) makes of the recipe; only settings that it has are taken. */
const target = z.strictObject({
  group: z.literal('gateway.networking.k8s.io'),
  kind: z.literal('Gateway'),
  name: z.string(),
});

const securityPolicy = z.object({
  kind: z.literal('SecurityPolicy'),
  spec: z.strictObject({
    targetRefs: z.tuple([target]),
    extAuth: z.strictObject({
      http: z.strictObject({
        backendRefs: z.tuple([
          z.strictObject({ name: z.string(), namespace: z.string(), port: z.int() }),
        ]),
        backendSettings: z.strictObject({
          retry: z.strictObject({
            numRetries: z.int().min(0),
            retryOn: z.strictObject({
              triggers: z.array(z.enum(['connect-failure', 'reset', 'refused-stream'])),
            }),
          }),
        }),
        path: z.string().startsWith('/'),
        headersToBackend: z.array(z.string()),
      }),
      headersToExtAuth: z.array(z.string()),
      timeout: z.string().regex(/^\d{1,5}(h|m|s|ms)$/),
      failOpen: z.boolean(),
      statusOnError: z.int().min(400).max(511),
    }),
  }),
});

const underscores = { Allow: 'ALLOW', RejectRequest: 'REJECT_REQUEST', DropHeader: 'DROP_HEADER' };
const modes = { Sanitize: 'SANITIZE', ForwardOnly: 'FORWARD_ONLY', SanitizeSet: 'SANITIZE_SET' };
const details = z.enum(['Subject', 'Cert', 'Chain', 'DNS', 'URI']);

const clientTrafficPolicy = z.object({
  kind: z.literal('ClientTrafficPolicy'),
  spec: z.strictObject({
    targetRefs: z.tuple([target]),
    headers: z.strictObject({
      withUnderscoresAction: z.enum(['Allow', 'RejectRequest', 'DropHeader']),
      // It refuses to change Host, and names with a slash or a colon.
      earlyRequestHeaders: z.strictObject({ remove: z.array(z.string().regex(/^[^/:]+$/)) }),
      xForwardedClientCert: z.strictObject({
        mode: z.enum(['Sanitize', 'ForwardOnly', 'SanitizeSet']),
        certDetailsToAdd: z.array(details),
      }),
    }),
    tls: z.strictObject({
      clientValidation: z.strictObject({
        optional: z.literal(true),
        caCertificateRefs: z.array(
          z.strictObject({ kind: z.enum(['ConfigMap', 'Secret']), name: z.string() }),
        ),
      }),
    }),
  }),
});

const grant = z.object({
  kind: z.literal('ReferenceGrant'),
  metadata: z.strictObject({ name: z.string(), namespace: z.string() }),
  spec: z.strictObject({
    from: z.tuple([
      z.strictObject({
        group: z.literal('gateway.envoyproxy.io'),
        kind: z.literal('SecurityPolicy'),
        namespace: z.string(),
      }),
    ]),
    to: z.tuple([
      z.strictObject({ group: z.literal(''), kind: z.literal('Service'), name: z.string() }),
    ]),
  }),
});

/** The recipe's documents, checked. */
export function readEnvoyGatewayRecipe(folder: string) {
  const text = readFileSync(join(folder, 'countersign.yaml'), 'utf8');
  const [security, traffic, reference] = parseAllDocuments(text).map((each) => each.toJS());
  return {
    security: securityPolicy.parse(security),
    traffic: clientTrafficPolicy.parse(traffic),
    grant: grant.parse(reference),
  };
}

export function startEnvoyGateway(home: string, ports: GatewayPorts): Started {
  return startEnvoySite(home, ports, siteOf(join(home, 'countersign')));
}

function siteOf(folder: string): EnvoySite {
  const { security, traffic } = readEnvoyGatewayRecipe(folder);
  const { extAuth } = security.spec;
  const { headers } = traffic.spec;
  const removals = headers.earlyRequestHeaders.remove.map((remove) => ({ remove }));
  const added = headers.xForwardedClientCert.certDetailsToAdd.map((each) => [
    each.toLowerCase(),
    true,
  ]);
  return {
    cluster: 'securitypolicy/shop/countersign',
    manager: {
      use_remote_address: true,
      normalize_path: true,
      merge_slashes: true,
      path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
      common_http_protocol_options: {
        headers_with_underscores_action: underscores[headers.withUnderscoresAction],
      },
      forward_client_cert_details: modes[headers.xForwardedClientCert.mode],
      set_current_client_cert_details: Object.fromEntries(added),
      early_header_mutation_extensions: [
        typed(
          'envoy.http.early_header_mutation.header_mutation',
          'http.early_header_mutation.header_mutation.v3.HeaderMutation',
          { mutations: removals },
        ),
      ],
    },
    filters: [extAuthz(extAuth)],
  };
}

type ExtAuth = z.infer<typeof securityPolicy>['spec']['extAuth'];

function extAuthz({ http, ...general }: ExtAuth) {
  const [backend] = http.backendRefs;
  const { retry } = http.backendSettings;
  return typed('envoy.filters.http.ext_authz', 'filters.http.ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    failure_mode_allow: general.failOpen,
    status_on_error: { code: general.statusOnError },
    allowed_headers: names(general.headersToExtAuth),
    http_service: {
      path_prefix: http.path,
      server_uri: {
        uri: `http://${backend.name}.${backend.namespace}:${backend.port}${http.path}`,
        cluster: 'securitypolicy/shop/countersign',
        timeout: general.timeout,
      },
      retry_policy: {
        retry_on: retry.retryOn.triggers.join(','),
        num_retries: retry.numRetries,
      },
      authorization_response: { allowed_upstream_headers: names(http.headersToBackend) },
    },
  });
}
