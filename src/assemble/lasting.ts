import {
  createPasswordChecks,
  type PasswordChecks,
} from '../exchange/credentials/basic/password-check.ts';
import type { TokenCounts } from '../exchange/exchange.ts';
import {
  createIssuerKeys,
  type IssuerKeysSettings,
  type RefreshedIssuerKeys,
} from '../issuers/issuer-keys.ts';
import { createPublicCounts } from '../public/counts.ts';
import { createSeenAssertions, type SeenAssertions } from '../public/seen-assertions.ts';
import { createLeases } from './leases.ts';

/** What was learned and holds under another configuration too: a reload hands it over. */
export interface Lasting {
  readonly passwordChecks: PasswordChecks;
  /** An assertion that was used must not be used again after a reload. */
  readonly seenAssertions: SeenAssertions;
  readonly counts: TokenCounts;
  readonly publicCounts: ReturnType<typeof createPublicCounts>;
  /** Keys of an issuer with the same settings are fetched once. */
  readonly openIssuerKeys: (settings: IssuerKeysSettings) => RefreshedIssuerKeys;
}

/** @param now milliseconds since the epoch */
export function createLasting(now: () => number, create = createIssuerKeys): Lasting {
  return {
    passwordChecks: createPasswordChecks({ now }),
    seenAssertions: createSeenAssertions({ now }),
    counts: { reused: 0, signed: 0 },
    publicCounts: createPublicCounts(),
    openIssuerKeys: shareIssuerKeys(create),
  };
}

function shareIssuerKeys(create: typeof createIssuerKeys): Lasting['openIssuerKeys'] {
  const leases = createLeases<RefreshedIssuerKeys, void>(async (keys) => keys.close());
  const begun = new WeakMap<RefreshedIssuerKeys, Promise<void>>();
  return (settings) => {
    const { issuer, jwksUri, jwksOrigins, algorithms, onChange } = settings;
    const lease = leases.take(
      JSON.stringify([issuer, jwksUri, jwksOrigins, algorithms]),
      (tell) => create({ ...settings, onChange: tell }),
      onChange,
    );
    const keys = lease.value;
    return {
      ...keys,
      start() {
        const fetching = begun.get(keys) ?? keys.start();
        begun.set(keys, fetching);
        return fetching;
      },
      close() {
        void lease.release();
      },
    };
  };
}
