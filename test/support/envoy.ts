import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayPorts } from './gateway-lab.ts';
import { type Started, start } from './process.ts';
import { programs } from './programs.ts';

type Settings = Readonly<Record<string, unknown>>;

/** What a control plane makes of its own resources, as far as Countersign is concerned. */
export interface EnvoySite {
  /** Settings of the HTTP connection manager. */
  readonly manager: Settings;
  /** HTTP filters before the router. */
  readonly filters: readonly Settings[];
  /** What the filter ext_authz calls the service of Countersign. */
  readonly cluster: string;
  /** Whether that service speaks HTTP/2, as gRPC does. */
  readonly http2?: true;
}

/** @param file its configuration, beside the recipe */
export function startEnvoy(home: string, file: string): Started {
  return start(
    programs.envoy,
    ['-c', file, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'error'],
    { cwd: join(home, 'countersign') },
  );
}

/** Starts Envoy with a site in front of the backend, plain and over TLS with client certificates. */
export function startEnvoySite(home: string, ports: GatewayPorts, site: EnvoySite): Started {
  const filters = [managerOf(site)];
  const bootstrap = {
    static_resources: {
      listeners: [
        { ...listener('plain', ports.http), filter_chains: [{ filters }] },
        {
          ...listener('tls', ports.https),
          filter_chains: [{ filters, transport_socket: downstreamTls(join(home, 'tls')) }],
        },
      ],
      clusters: [
        { ...cluster(site.cluster, ports.countersign), ...(site.http2 && http2) },
        cluster('app', ports.backend),
      ],
    },
  };
  writeFileSync(join(home, 'countersign', 'envoy.json'), JSON.stringify(bootstrap));
  return startEnvoy(home, 'envoy.json');
}

function managerOf({ manager, filters }: EnvoySite) {
  const router = typed('envoy.filters.http.router', 'filters.http.router.v3.Router');
  const route = { match: { prefix: '/' }, route: { cluster: 'app' } };
  return typed(
    'envoy.filters.network.http_connection_manager',
    'filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'site',
      route_config: { virtual_hosts: [{ name: 'site', domains: ['*'], routes: [route] }] },
      ...manager,
      http_filters: [...filters, router],
    },
  );
}

/** An extension of Envoy: its name, the end of its type, and its settings. */
export function typed(name: string, type: string, settings: Settings = {}) {
  const url = `type.googleapis.com/envoy.extensions.${type}`;
  return { name, typed_config: { '@type': url, ...settings } };
}

/** Header names as Envoy's string matchers. */
export function names(headers: readonly string[]) {
  return { patterns: headers.map((exact) => ({ exact, ignore_case: true })) };
}

function listener(name: string, port: number) {
  return { name, address: address(port) };
}

function address(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function cluster(name: string, port: number) {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  return { name, connect_timeout: '1s', load_assignment: { cluster_name: name, endpoints } };
}

const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const http2 = {
  typed_extension_protocol_options: {
    [options]: {
      '@type': `type.googleapis.com/${options}`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

function downstreamTls(folder: string) {
  const file = (name: string) => ({ filename: join(folder, name) });
  return typed('envoy.transport_sockets.tls', 'transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: false,
    common_tls_context: {
      alpn_protocols: ['h2', 'http/1.1'],
      tls_certificates: [
        { certificate_chain: file('server.pem'), private_key: file('server.key') },
      ],
      validation_context: { trusted_ca: file('clients-ca.pem') },
    },
  });
}
