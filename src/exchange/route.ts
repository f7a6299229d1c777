import type { Expression, RequestInputs } from './expressions.ts';
import type { Routed } from './routes/router.ts';
import type { Json, JsonObject } from './types.ts';

/** What a route does with the requests it serves; compiled when the configuration is read. */
export interface Route extends Routed {
  /** For logs. */
  readonly name: string;
  /** What CEL sees as `route`. */
  readonly facts: JsonObject;
  /** Must be true, or the request is refused. */
  readonly require: Expression | undefined;
  /** Serves requests without a credential, as this client. */
  readonly anonymousClientId: string | undefined;
  readonly token: TokenRules;
  /** What `require`, claims, headers and audience read of the request. */
  readonly inputs: RequestInputs;
  /** The same, as the reuse key wants it; undefined when tokens are not reused here. */
  readonly reuse: ReuseRules | undefined;
}

export interface TokenRules {
  /** The header that carries the token. */
  readonly header: string;
  /** Carries the token back to the client too, without a scheme. */
  readonly downstreamHeader: string | undefined;
  /** Seconds. */
  readonly expiresIn: number;
  readonly audience: AudienceRule;
  readonly copy: 'all' | 'none' | ReadonlySet<string>;
  readonly drop: ReadonlySet<string>;
  readonly claims: readonly ClaimRule[];
  readonly headers: readonly HeaderRule[];
  /** Value of the JOSE header `jku` (RFC 7515 §4.1.2). */
  readonly jku: string | undefined;
  /** Bound for the whole head of the answer. */
  readonly maxHeaderBytes: number;
}

export type AudienceRule =
  | { readonly kind: 'upstream' }
  | { readonly kind: 'fixed'; readonly value: string | readonly string[] }
  | { readonly kind: 'expression'; readonly expression: Expression };

export type ClaimRule = { readonly name: string } & (
  | { readonly value: Json }
  | { readonly expression: Expression }
);

export interface HeaderRule {
  readonly name: string;
  readonly expression: Expression;
}

export interface ReuseRules {
  /** Part of the key: routes with other rules must not share tokens. */
  readonly routeIndex: number;
  /** A token is handed out again while this fraction of its life is left. */
  readonly remaining: number;
  readonly method: boolean;
  readonly host: boolean;
  readonly scheme: boolean;
  readonly path: boolean;
  readonly query: boolean;
  readonly headers: readonly string[];
}
