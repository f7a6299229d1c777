import type { CredentialKind, OriginalRequest, Refused, Subject } from '../types.ts';

/** One kind of credential: finds it in a request, then says who the caller is. */
export interface CredentialMethod {
  readonly kind: CredentialKind;
  /** Already verified by the gateway: `identify` reads, but does not verify. */
  readonly trusted: boolean;
  /** @returns the credential exactly as it came (an empty one is present, and bad), or undefined when absent */
  find(request: OriginalRequest): string | undefined;
  /** @param text what `find` returned */
  identify(text: string, request: OriginalRequest): Subject | Refused | Promise<Subject | Refused>;
}
