import type { Finding } from './problems.ts';
import type { Configuration } from './schema/configuration.ts';
import { keyPlaces } from './schema/keys.ts';
import { writeAddress } from './schema/listen.ts';
import { canonicalHeader, isLoopback } from './schema/names.ts';

/** @returns what is wrong with a configuration whose parts are each right */
export function crossCheck(configuration: Configuration): Finding[] {
  return [
    ...checkCallers(configuration),
    ...checkGrpc(configuration),
    ...checkCredentials(configuration),
    ...checkUpstreamAudience(configuration),
    ...checkHeaders(configuration),
    ...checkReplicas(configuration),
    ...checkWorkers(configuration),
  ];
}

function checkWorkers({ workers, keys, audit }: Configuration): Finding[] {
  if (workers === 1) return [];
  const findings: Finding[] = [];
  if (keys.replicas === 'own') {
    const message = 'is own, and workers would each need a key of their own; share them, or use 1';
    findings.push({ path: ['keys', 'replicas'], message });
  }
  if (audit !== undefined && audit.file === undefined) {
    const message =
      'needs a file: records of several workers would run together in standard output';
    findings.push({ path: ['audit'], message });
  }
  return findings;
}

function checkReplicas({ keys, state }: Configuration): Finding[] {
  if (keys.replicas === undefined) return [];
  const path = ['keys', 'replicas'];
  if (state.redis === undefined) return [{ path, message: 'needs state.redis' }];
  const other = keyPlaces.find((key) => keys[key]);
  if (other !== undefined) {
    return [
      { path, message: `is for keys in Redis or in each replica, and ${other} names others` },
    ];
  }
  if (keys.replicas === 'shared' || !keys.algorithm.startsWith('HS')) return [];
  const message = `is own, but ${keys.algorithm} has no public half for the other replicas`;
  return [{ path, message }];
}

function checkCallers(configuration: Configuration): Finding[] {
  const { auth, grpc } = configuration.listen;
  return [
    ...checkCallersOf(configuration, 'auth', auth),
    ...(grpc ? checkCallersOf(configuration, 'grpc', grpc) : []),
  ];
}

function checkCallersOf(
  configuration: Configuration,
  name: 'auth' | 'grpc',
  at: Configuration['listen']['auth'],
): Finding[] {
  const { callers } = configuration;
  const findings: Finding[] = [];
  if (callers?.certificates && at.tls?.client_ca_file === undefined) {
    const message = `needs listen.${name}.tls.client_ca_file, against which they are checked`;
    findings.push({ path: ['callers', 'certificates'], message });
  }
  if (callers?.networks && at.path !== undefined) {
    const message = 'cannot hold on a unix socket: its callers have no address';
    findings.push({ path: ['callers', 'networks'], message });
  }
  if (at.path !== undefined || isLoopback(at.host)) return findings;

  const address = writeAddress(at);
  if (!callers) {
    const message = `${address} is not loopback, so callers must say who may call it`;
    findings.push({ path: ['listen', name], message });
  } else if (!callers.secret_file && !callers.certificates && believesGateway(configuration)) {
    const message =
      `a network alone is not enough on ${address}: with trust: gateway or client_certificate ` +
      'each host in it could make tokens; add secret_file or certificates';
    findings.push({ path: ['callers'], message });
  }
  return findings;
}

/** The gRPC listener has no paths to tell gateways apart. */
function checkGrpc({ listen, gateways }: Configuration): Finding[] {
  const names = Object.keys(gateways).filter((name) => gateways[name]?.profile === 'envoy_grpc');
  const [first, second] = names;
  if (second !== undefined) {
    const message = `is a second gateway with profile envoy_grpc, beside ${first}; there can be one`;
    return [{ path: ['gateways', second], message }];
  }
  if (first !== undefined && listen.grpc === undefined) {
    const message = 'needs listen.grpc, such as 127.0.0.1:9001';
    return [{ path: ['gateways', first], message }];
  }
  if (first === undefined && listen.grpc !== undefined) {
    const message = 'serves nobody: no gateway has the profile envoy_grpc';
    return [{ path: ['listen', 'grpc'], message }];
  }
  return [];
}

/** Does the gateway's word decide who the client is? */
function believesGateway({ credentials, gateways }: Configuration): boolean {
  return (
    readsCertificates(gateways) ||
    credentials.some((entry) => Object.values(entry).some((kind) => kind?.trust !== undefined))
  );
}

function readsCertificates(gateways: Configuration['gateways']): boolean {
  return Object.values(gateways).some((gateway) => gateway.client_certificate !== false);
}

function checkCredentials({
  credentials,
  gateways,
  routes,
  default_route,
}: Configuration): Finding[] {
  const served = default_route ? [...routes, default_route] : routes;
  if (credentials.length === 0 && served.some((route) => !route.anonymous)) {
    const message = 'is empty; name a kind of credential, or make every route anonymous';
    return [{ path: ['credentials'], message }];
  }
  const index = credentials.findIndex((entry) => entry.client_certificate);
  if (index === -1 || readsCertificates(gateways)) return [];
  const message = 'can never be present: no gateway has client_certificate switched on';
  return [{ path: ['credentials', index, 'client_certificate'], message }];
}

/** Without known hosts, the client would pick the audience with its Host header. */
function checkUpstreamAudience(configuration: Configuration): Finding[] {
  const { token, routes, default_route, gateways } = configuration;
  const isKnown = token.upstream_hosts.length > 0 || routes.some((route) => route.match.hosts);
  if (isKnown || Object.values(gateways).every(({ profile }) => profile === 'kong')) return [];

  const message =
    'is upstream, but no host is known; name hosts in token.upstream_hosts or in routes';
  const places = [
    ...routes.map((route, index) => ({ route, path: ['routes', index, 'token', 'audience'] })),
    ...(default_route
      ? [{ route: default_route, path: ['default_route', 'token', 'audience'] }]
      : []),
  ];
  const own = places.filter(({ route }) => isUpstream(route.token?.audience));
  const usesGeneral = places.some(({ route }) => route.token?.audience === undefined);
  return [
    ...(usesGeneral && token.audience === 'upstream'
      ? [{ path: ['token', 'audience'], message }]
      : []),
    ...own.map(({ path }) => ({ path, message })),
  ];
}

/** Null is the default, and that is upstream. */
function isUpstream(audience: unknown): boolean {
  return audience === null || audience === 'upstream';
}

function checkHeaders({ token, routes, default_route, credentials }: Configuration): Finding[] {
  const places = [
    ...routes.map((route, index) => ({ route, path: ['routes', index] })),
    ...(default_route ? [{ route: default_route, path: ['default_route'] }] : []),
  ];
  const foreign = places.flatMap(({ route, path }) =>
    Object.keys(route.token?.headers ?? {})
      .filter((name) => !Object.hasOwn(token.headers, name))
      .map((name) => ({
        path: [...path, 'token', 'headers', name],
        message:
          'is not in token.headers, so where this route does not apply a client could set it ' +
          'itself; name it there too',
      })),
  );
  const index = credentials.findIndex(
    ({ api_key }) => api_key && canonicalHeader(api_key.header) === canonicalHeader(token.header),
  );
  if (index === -1) return foreign;
  const message = 'is the header of the token; choose another header';
  return [...foreign, { path: ['credentials', index, 'api_key', 'header'], message }];
}
