import type { Revocation } from '../state/revocations.ts';

/** What the public listener tells the operator. */
export type PublicEvent =
  | { readonly event: 'unexpected_error'; readonly error: unknown }
  | {
      readonly event: 'client_refused';
      /** Undefined when the name is not a configured client's. */
      readonly client: string | undefined;
      readonly error: string;
      readonly description: string;
      /** What the client was not told. */
      readonly detail?: string;
    }
  | { readonly event: 'revoked'; readonly client: string; readonly entry: Revocation }
  /** There was no such token for the client; `reason` is for the log only. */
  | { readonly event: 'nothing_revoked'; readonly client: string; readonly reason: string }
  | { readonly event: 'revocation_failed'; readonly client: string; readonly reason: string };

export type PublicLog = (event: PublicEvent) => void;
