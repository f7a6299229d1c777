import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

/** A message of `proto/`, as plain values. */
export interface Codec<Message> {
  /** @throws RangeError or Error for bytes that are no such message */
  decode(bytes: Uint8Array): Message;
  encode(message: Message): Buffer;
}

export interface HeaderValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly rawValue: Uint8Array;
}

/** What Envoy writes. */
export interface CheckRequestMessage {
  readonly attributes?: {
    readonly source?: { readonly certificate: string } | null;
    readonly request?: { readonly http?: HttpRequest | null } | null;
  } | null;
}

interface HttpRequest {
  readonly method: string;
  readonly path: Uint8Array;
  readonly host: string;
  readonly scheme: string;
  readonly headers: readonly HeaderValue[];
  readonly headerMap?: { readonly headers: readonly HeaderValue[] } | null;
}

export interface HeaderValueOption {
  readonly header: { readonly key: string; readonly value: Uint8Array };
  readonly append?: { readonly value: boolean };
}

/** An answer without a status means *allowed* to Envoy, so it must have one. */
export interface CheckResponse {
  readonly status: { readonly code: number };
  readonly deniedResponse?: {
    readonly status: { readonly code: number };
    readonly headers: readonly HeaderValueOption[];
    readonly body: string;
  };
  readonly okResponse?: {
    readonly headers: readonly HeaderValueOption[];
    readonly headersToRemove: readonly string[];
    readonly responseHeadersToAdd: readonly HeaderValueOption[];
  };
}

export interface HealthCheckRequest {
  readonly service: string;
}

export interface HealthCheckResponse {
  readonly status: number;
}

const folder = new URL('../../../proto/', import.meta.url);

/**
 * @param file in `proto/`
 * @param name of the message, with its package
 */
function codec<Message>(file: string, name: string): Codec<Message> {
  const source = readFileSync(new URL(file, folder), 'utf8');
  const type = protobuf.parse(source, new protobuf.Root()).root.lookupType(name);
  return {
    decode: (bytes) => type.decode(bytes) as unknown as Message,
    encode: (message) => Buffer.from(type.encode(message as object).finish()),
  };
}

const authorization = 'external_auth.proto';
export const checkRequest = codec<CheckRequestMessage>(
  authorization,
  'envoy.service.auth.v3.CheckRequest',
);
export const checkResponse = codec<CheckResponse>(
  authorization,
  'envoy.service.auth.v3.CheckResponse',
);
export const healthCheckRequest = codec<HealthCheckRequest>(
  'health.proto',
  'grpc.health.v1.HealthCheckRequest',
);
export const healthCheckResponse = codec<HealthCheckResponse>(
  'health.proto',
  'grpc.health.v1.HealthCheckResponse',
);
