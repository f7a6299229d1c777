/** `orders.example.com`, `orders.example.com:8443` or `*.example.com`. */
export interface HostPattern {
  /** The host name, or what follows the `*.` of a wildcard. */
  readonly name: string;
  readonly wildcard: boolean;
  /** Undefined matches any port. */
  readonly port: string | undefined;
}

/** The port that an authority of a scheme has when it names none. */
export const ownPort: { readonly [scheme: string]: string } = {
  ...{ http: '80', ws: '80', grpc: '80' },
  ...{ https: '443', wss: '443', grpcs: '443' },
};

/** @param text lower case, checked when the configuration was read */
export function readHostPattern(text: string): HostPattern {
  const { name, port } = splitAuthority(text);
  return name.startsWith('*.')
    ? { name: name.slice(2), wildcard: true, port }
    : { name, wildcard: false, port };
}

/** Splits `host[:port]`, minding `[IPv6]`. */
export function splitAuthority(authority: string): { name: string; port: string | undefined } {
  const colon = authority.lastIndexOf(':');
  if (colon === -1 || authority.endsWith(']')) return { name: authority, port: undefined };
  return { name: authority.slice(0, colon), port: authority.slice(colon + 1) };
}

export function matchesHost(pattern: HostPattern, name: string, port: string | undefined): boolean {
  if (pattern.port !== undefined && pattern.port !== port) return false;
  return pattern.wildcard ? name.endsWith(`.${pattern.name}`) : name === pattern.name;
}
