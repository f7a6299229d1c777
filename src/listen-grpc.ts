import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { type Address, writeAddress } from './config/schema/listen.ts';
import {
  authorizationName,
  authorizationService,
  checkHandler,
} from './gateways/grpc/authorization-service.ts';
import type { Check } from './gateways/grpc/check.ts';
import type { CheckRequest } from './gateways/grpc/decode-check-request.ts';
import {
  healthCheckHandler,
  healthService,
  healthWatchHandler,
} from './gateways/grpc/health-service.ts';
import { traceHeaders } from './gateways/grpc/trace-headers.ts';
import { type ListenSettings, removeStaleSocket } from './listen.ts';
import type { UnaryHandler } from './ops/traces/decision-spans.ts';
import type { Traces } from './ops/traces/open-traces.ts';

export interface GrpcListenerDeps {
  readonly check: Check;
  /** Whether requests should come: what `grpc.health.v1` answers. */
  readonly isServing: () => boolean;
  readonly traces?: Pick<Traces, 'calls'> | undefined;
}

type CheckCall = ServerUnaryCall<CheckRequest, Uint8Array>;
type CheckHandler = UnaryHandler<CheckCall, Uint8Array>;

/** A check is a request's head; a body in it is skipped, and a large one refused. */
const maxMessageBytes = 1024 * 1024;

/** Serves `envoy.service.auth.v3.Authorization` and `grpc.health.v1.Health`; listens nowhere yet. */
export function createGrpcListener({ check, isServing, traces }: GrpcListenerDeps): Server {
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.enable_channelz': 0,
  });
  const handler = checkHandler(check);
  const tracing = { method: `${authorizationName}/Check`, headersOf: traceHeaders };
  const traced = traces?.calls<CheckCall, Uint8Array>(tracing, handler as CheckHandler);
  server.addService(authorizationService, { check: traced ?? handler });
  server.addService(healthService, {
    check: healthCheckHandler(isServing),
    watch: healthWatchHandler(isServing),
  });
  return server;
}

/** @throws what listening fails with, or when a TLS file cannot be read or used */
export async function openGrpc(server: Server, at: Address & ListenSettings): Promise<void> {
  if (at.path !== undefined) await removeStaleSocket(at.path);
  const credentials = credentialsOf(at);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(writeAddress(at), credentials, (error) => {
      // As node:net marks it: an address in use is told without a stack.
      if (error) reject(Object.assign(error, { syscall: 'listen' }));
      else resolve();
    });
  });
}

/** Closes within `patience` milliseconds: calls in flight may end, new ones go elsewhere. */
export async function closeGrpc(server: Server, at: Address, patience: number): Promise<void> {
  // Not forceShutdown: without channelz it knows no connections.
  server.drain(writeAddress(at), patience);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
}

function credentialsOf({ tls }: ListenSettings): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert_file, key_file, client_ca_file } = tls;
  const own = { cert_chain: readFileSync(cert_file), private_key: readFileSync(key_file) };
  const authority = client_ca_file === undefined ? null : readFileSync(client_ca_file);
  return ServerCredentials.createSsl(authority, [own], authority !== null);
}
