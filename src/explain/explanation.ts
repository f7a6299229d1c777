import type { JsonObject } from '../exchange/types.ts';

/** One decision in all its steps, in the names of the configuration; holds no secret. */
export type Explanation = {
  readonly gateway: { readonly name: string; readonly profile: string };
  /** What the gateway asks; what the client's own headers say is left out. */
  readonly call: {
    readonly method: string;
    readonly path: string;
    readonly headers: readonly Line[];
  };
  /** What it is read as; null when it was refused before. */
  readonly request: {
    readonly method: string;
    readonly scheme: string | null;
    readonly host: string;
    readonly path: string;
    readonly query: string;
  } | null;
  /** Each configured kind, in order; empty when it was refused before. */
  readonly credentials: readonly CredentialSeen[];
  /** Who the caller is; null when that was not established. */
  readonly caller: {
    readonly client_id: string;
    readonly subject: string;
    readonly credential: JsonObject;
  } | null;
  /** Each configured route; empty when none was looked for. */
  readonly routes: readonly RouteSeen[];
  readonly claims: {
    /** Of the incoming credential; null when it has none that can be read. */
    readonly before: JsonObject | null;
    /** Whether `before` was verified here. */
    readonly before_verified: boolean;
    /** Of the token that was signed; null when none was. */
    readonly after: JsonObject | null;
  };
  /** The JOSE header of that token. */
  readonly token_header: JsonObject | null;
  /** Null when the call could not even be read as HTTP, as with headers beyond 64 KiB. */
  readonly decision:
    | {
        readonly allowed: true;
        readonly client_id: string;
        readonly credential: string;
        readonly route: string;
      }
    | { readonly allowed: false; readonly reason: string; readonly detail: string | null }
    | null;
  /** What the gateway is answered. */
  readonly answer: {
    readonly status: number;
    readonly headers: readonly Line[];
    readonly body: string;
  };
  /** What an operator should know besides. */
  readonly notes: readonly string[];
};

export type Line = readonly [name: string, value: string];

export type CredentialSeen = {
  readonly kind: string;
  /** The gateway verified it. */
  readonly trusted: boolean;
  readonly present: boolean;
  readonly decides: boolean;
};

export type RouteSeen = {
  readonly name: string;
  readonly chosen: boolean;
  /** Why it is not the one. */
  readonly lost: string | null;
};
