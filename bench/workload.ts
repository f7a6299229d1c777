/** Which processes a workload compares, how they are asked, and how much the one may cost. */
export interface Workload {
  /** What `--only` takes. */
  readonly name: string;
  readonly title: string;
  readonly service: Service;
  readonly asked: Asked;
  readonly floor: Floor;
  readonly bounds: readonly Bound[];
  /** Whether `--quick` runs it too. */
  readonly quick: boolean;
}

/** A running Countersign: its configuration, and the files that it names. */
export interface Service {
  /** Laid over `baseConfiguration`, member by member. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Puts what the configuration names into its directory, before the service starts. */
  readonly prepare?: (directory: string) => void | Promise<void>;
}

export type Asked = AskedOverHttp | AskedOverGrpc;

export interface AskedOverHttp {
  readonly over: 'http';
  readonly listener: 'auth' | 'public';
  readonly requests: (source: RequestSource) => Requests | Promise<Requests>;
  /** The status of every answer. */
  readonly status: number | 'mixed';
}

export interface RequestSource {
  /** The base URL of a listener of the service. */
  readonly url: (listener: 'auth' | 'public') => string;
}

/** Raw requests that differ in one place at most. */
export interface Requests {
  /** Ends with an empty line, and the body if there is one; `{}` is where a value goes. */
  readonly template: string;
  /** One request for each, in turn, over and over. */
  readonly values: readonly string[];
}

export interface AskedOverGrpc {
  readonly over: 'grpc';
  /** The bytes of the `CheckRequest`. */
  readonly message: () => Buffer;
}

/** What the least that could answer the same costs, measured in the same run. */
export type Floor =
  /** A bare server that answers the same bytes: `node:http`, or grpc-js. */
  | { readonly kind: 'answer' }
  /** One that makes the same calls of `node:crypto` before, and nothing else. */
  | {
      readonly kind: 'crypto';
      readonly sign?: SigningAlgorithm;
      readonly tokenIn: 'header' | 'body';
    }
  /** Countersign with less to look through, asked for the same. */
  | { readonly kind: 'service'; readonly service: Service };

export type SigningAlgorithm = 'RS256' | 'ES256' | 'Ed25519';

export type Bound =
  /** CPU time per request, as a multiple of the floor's. */
  | { readonly kind: 'ratio'; readonly max: number }
  /** More CPU time than the floor: one of the two has to hold. */
  | { readonly kind: 'growth'; readonly percent: number; readonly micros: number }
  | { readonly kind: 'memory'; readonly mib: number };
