import { authorizationScheme } from './credentials/authorization-header.ts';
import type { CredentialMethod } from './credentials/credential-method.ts';
import { refuse } from './refusals.ts';
import type { OriginalRequest, Refused } from './types.ts';

export interface FoundCredential {
  readonly method: CredentialMethod;
  /** Exactly as it came. */
  readonly text: string;
}

export type CredentialFinder = (request: OriginalRequest) => FoundCredential | Refused | undefined;

/**
 * The first configured kind that is present decides. Where the gateway vouches for the credential
 * (a trusted kind), a second one in the request is ambiguous, unless the gateway states which kind
 * it verified: else a forged bearer token beside a checked API key would decide.
 */
export function createCredentialFinder(methods: readonly CredentialMethod[]): CredentialFinder {
  const kinds = new Set<string>(methods.map(({ kind }) => kind));
  const readsAuthorization = kinds.has('bearer') || kinds.has('basic');

  return (request) => {
    const authorization = readsAuthorization ? request.headers.get('authorization') : undefined;
    if (authorization !== undefined && !kinds.has(authorizationScheme(authorization))) {
      return refuse('unknown_scheme');
    }
    const { statedCredential } = request;
    if (statedCredential) return findStated(methods, request, statedCredential);
    const found = findFirst(methods, request);
    if (found?.method.trusted && hasAnother(methods, request, found.method)) {
      return refuse('ambiguous_credential');
    }
    return found;
  };
}

function findFirst(
  methods: readonly CredentialMethod[],
  request: OriginalRequest,
): FoundCredential | undefined {
  for (const method of methods) {
    const text = method.find(request);
    if (text !== undefined) return { method, text };
  }
  return undefined;
}

function findStated(
  methods: readonly CredentialMethod[],
  request: OriginalRequest,
  kind: string,
): FoundCredential | Refused {
  const method = methods.find((each) => each.kind === kind);
  const text = method?.find(request);
  if (method === undefined || text === undefined) {
    return refuse(
      'wrong_stated_credential',
      'the stated credential is not configured or not there',
    );
  }
  return { method, text };
}

function hasAnother(
  methods: readonly CredentialMethod[],
  request: OriginalRequest,
  deciding: CredentialMethod,
): boolean {
  return methods.some((method) => method !== deciding && method.find(request) !== undefined);
}
