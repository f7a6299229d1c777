/** What the public listener answered, for whoever measures. */
export interface PublicCounts {
  answered(endpoint: EndpointName, status: number): void;
  introspected(active: boolean): void;
}

/** Not the path, which a stranger chooses. */
export type EndpointName = 'jwks' | 'metadata' | 'introspect' | 'revoke';

export interface ReadPublicCounts extends PublicCounts {
  /** Each endpoint and status with the number of its answers. */
  responses(): readonly (readonly [
    { readonly endpoint: EndpointName; readonly status: string },
    number,
  ])[];
  introspections(): { readonly active: number; readonly inactive: number };
}

export function createPublicCounts(): ReadPublicCounts {
  const byEndpoint = new Map<EndpointName, Map<number, number>>();
  const introspections = { active: 0, inactive: 0 };
  return {
    answered(endpoint, status) {
      const byStatus = byEndpoint.get(endpoint) ?? new Map<number, number>();
      byEndpoint.set(endpoint, byStatus.set(status, (byStatus.get(status) ?? 0) + 1));
    },
    introspected(active) {
      introspections[active ? 'active' : 'inactive']++;
    },
    responses: () =>
      [...byEndpoint].flatMap(([endpoint, byStatus]) =>
        [...byStatus].map(
          ([status, count]) => [{ endpoint, status: String(status) }, count] as const,
        ),
      ),
    introspections: () => introspections,
  };
}
