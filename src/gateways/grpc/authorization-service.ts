import type { handleUnaryCall, Metadata, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { callerSecretHeader, type Peer } from '../callers.ts';
import { statedCredentialHeader } from '../gateway.ts';
import type { Check } from './check.ts';
import { type CheckRequest, decodeCheckRequest } from './decode-check-request.ts';

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

export function checkHandler(check: Check): handleUnaryCall<CheckRequest, Uint8Array> {
  return (call, done) => {
    const answer = check({
      request: call.request,
      peer: new CallPeer(call),
      secret: metadataValue(call.metadata, callerSecretHeader),
      statedCredential: metadataValue(call.metadata, statedCredentialHeader),
    });
    if (answer instanceof Promise) answer.then((late) => done(null, late)).catch(() => {});
    else done(null, answer);
  };
}

/** Looks at the connection only where a caller check asks. */
class CallPeer implements Peer {
  readonly #call: ServerUnaryCall<CheckRequest, Uint8Array>;

  constructor(call: ServerUnaryCall<CheckRequest, Uint8Array>) {
    this.#call = call;
  }

  get remoteAddress(): string {
    return this.#call.getPeer().replace(/:[0-9]+$/, '');
  }

  /** Its certificate is only told when it comes from the configured authority. */
  get authorized(): boolean {
    return this.#call.getAuthContext().sslPeerCertificate !== undefined;
  }

  getPeerCertificate(): { readonly raw?: Buffer } {
    return this.#call.getAuthContext().sslPeerCertificate ?? {};
  }
}

/** Several values are one that no setting can equal. */
function metadataValue(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name);
  return values.length === 0 ? undefined : values.join(', ');
}
