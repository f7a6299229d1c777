import type { handleUnaryCall, Metadata, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { callerSecretHeader, type Peer } from '../callers.ts';
import { statedCredentialHeader } from '../gateway.ts';
import type { Check } from './check.ts';
import { type CheckRequest, checkRequest } from './messages.ts';

export const authorizationName = 'envoy.service.auth.v3.Authorization';
export const authorizationService: ServiceDefinition = {
  check: {
    path: `/${authorizationName}/Check`,
    requestStream: false,
    responseStream: false,
    requestSerialize: Buffer.from,
    requestDeserialize: decodeCheckRequest,
    responseSerialize: (bytes: Uint8Array) => bytes as Buffer,
    responseDeserialize: Buffer.from,
  },
};

/** What cannot be decoded has no request in it, and is refused as such. */
export function decodeCheckRequest(bytes: Buffer): CheckRequest {
  try {
    return checkRequest.decode(bytes);
  } catch {
    return {};
  }
}

export function checkHandler(check: Check): handleUnaryCall<CheckRequest, Uint8Array> {
  return (call, done) => {
    const answer = check({
      request: call.request,
      peer: peerOf(call),
      secret: metadataValue(call.metadata, callerSecretHeader),
      statedCredential: metadataValue(call.metadata, statedCredentialHeader),
    });
    if (answer instanceof Promise) answer.then((late) => done(null, late)).catch(() => {});
    else done(null, answer);
  };
}

/** Its certificate is only told when it comes from the configured authority. */
function peerOf(call: ServerUnaryCall<CheckRequest, Uint8Array>): Peer {
  return {
    remoteAddress: call.getPeer().replace(/:[0-9]+$/, ''),
    get authorized() {
      return call.getAuthContext().sslPeerCertificate !== undefined;
    },
    getPeerCertificate: () => call.getAuthContext().sslPeerCertificate ?? {},
  };
}

/** Several values are one that no setting can equal. */
function metadataValue(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name);
  return values.length === 0 ? undefined : values.join(', ');
}
