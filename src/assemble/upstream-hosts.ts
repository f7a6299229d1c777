import type { Configuration } from '../config/schema/configuration.ts';
import type { HostFilter } from '../exchange/audience.ts';
import {
  matchesHost,
  ownPort,
  readHostPattern,
  splitAuthority,
} from '../exchange/routes/host-pattern.ts';

/**
 * Hosts that may become an audience: those of `upstream_hosts` and of the routes. Without a port a
 * host stands for the scheme's own, or the client could choose one.
 */
export function createHostFilter({ token, routes }: Configuration): HostFilter {
  if (token.upstream_hosts === 'any') return () => true;
  const hosts = [...token.upstream_hosts, ...routes.flatMap(({ match }) => match.hosts ?? [])];
  const exact = new Set(hosts.filter((host) => !host.startsWith('*.')));
  const wildcards = hosts.filter((host) => host.startsWith('*.')).map(readHostPattern);
  return (authority, scheme) => {
    if (exact.has(authority)) return true;
    const { name, port: named } = splitAuthority(authority);
    const port = named ?? ownPort[scheme];
    return (
      (named === undefined && exact.has(`${name}:${port}`)) ||
      wildcards.some(
        (pattern) => (pattern.port ?? ownPort[scheme]) === port && matchesHost(pattern, name, port),
      )
    );
  };
}
