/** A host, IPv6 without brackets, and its port. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Contents of PEM files. */
export interface RedisTls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The name that the server's certificate must have, when it is not the host's. */
  readonly servername: string | undefined;
}

/** How to reach Redis: one server, the master that Sentinels name, or a Cluster. */
export interface RedisSettings {
  readonly at:
    | { readonly kind: 'server'; readonly node: RedisNode; readonly database: number }
    | {
        readonly kind: 'sentinel';
        readonly name: string;
        readonly nodes: readonly RedisNode[];
        readonly username: string | undefined;
        readonly password: string | undefined;
        readonly database: number;
      }
    | { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[] };
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Plain TCP when undefined. */
  readonly tls: RedisTls | undefined;
}

/** What several replicas share, and how they protect it. */
export interface SharedState {
  readonly redis: RedisSettings;
  /** Begins the name of every key in Redis. */
  readonly prefix: string;
  /** 32 bytes each: the first protects what is written, each may have protected what is read. */
  readonly encryptionKeys: readonly Uint8Array[];
  /** How many of Redis's own replicas must have a revocation before it is acknowledged. */
  readonly waitForReplicas: number;
}

/** @returns where Redis is, for people: no user, no password */
export function describeRedis({ at }: RedisSettings): string {
  if (at.kind === 'server') return `Redis at ${writeNode(at.node)}`;
  const nodes = at.nodes.map(writeNode).join(', ');
  return at.kind === 'cluster'
    ? `Redis Cluster at ${nodes}`
    : `Redis "${at.name}" of the Sentinels at ${nodes}`;
}

function writeNode({ host, port }: RedisNode): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
