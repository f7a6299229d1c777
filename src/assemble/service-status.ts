import type { RefreshedIssuerKeys } from '../issuers/issuer-keys.ts';
import type { Keys } from '../keys/open-keys.ts';
import type { Revocations } from '../state/revocations.ts';

/** What a service depends on, and how that is; for people, and without a secret. */
export interface ServiceStatus {
  readonly keys: { readonly kid: string; readonly alg: string; readonly problem: string | null };
  readonly revocations: { readonly store: string; readonly problem: string | null };
  readonly issuers: readonly {
    readonly issuer: string;
    readonly usable_keys: number;
    /** Why the last fetch failed; null when it did not. */
    readonly problem: string | null;
  }[];
}

export interface ServiceParts {
  readonly keys: Keys;
  readonly revocations: Revocations;
  readonly issuers: readonly RefreshedIssuerKeys[];
}

export function describeService({ keys, revocations, issuers }: ServiceParts): ServiceStatus {
  const { kid, alg } = keys.ring.signer;
  const { store, problem } = revocations.status();
  return {
    keys: { kid, alg, problem: keys.status()?.problem ?? null },
    revocations: { store, problem: problem ?? null },
    issuers: issuers.map(({ issuer, state }) => {
      const { usableKeys, lastFailure } = state();
      return { issuer, usable_keys: usableKeys, problem: lastFailure ?? null };
    }),
  };
}
