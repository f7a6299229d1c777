import type { Client } from './client-authentication.ts';
import type { OAuthError } from './oauth-error.ts';
import { createRateLimiter, type Rate } from './rate-limit.ts';
import { sourceOf } from './source-address.ts';

/** Failed authentications of one source. */
export interface Source {
  readonly isExhausted: boolean;
  /** Counts a failure. @returns what to answer: that failure, or that there were too many */
  fail(failure: OAuthError): OAuthError;
}

export interface ClientLimits {
  of(address: string | undefined): Source;
  /** Counts a request of an authenticated client. @returns undefined while it keeps to its rate */
  spend(client: Client): OAuthError | undefined;
}

/** Far more than a client that is set up wrongly needs to be noticed. */
const failureRate: Rate = { count: 20, per: 20_000 };
const maxSources = 10_000;
/** For lines in the log, which whoever asks too often must not fill. */
const reportRate: Rate = { count: 1, per: 10_000 };

/**
 * @param now milliseconds since the epoch
 * @param clients how many there are
 */
export function createClientLimits({
  now,
  clients,
}: {
  readonly now: () => number;
  readonly clients: number;
}): ClientLimits {
  const requests = createRateLimiter({ now, maxKeys: Math.max(1, clients) });
  const failures = createRateLimiter({ now, maxKeys: maxSources });
  const reports = createRateLimiter({ now, maxKeys: maxSources });
  const tooMany = (wait: number, description: string, key: string): OAuthError => ({
    status: 429,
    error: 'temporarily_unavailable',
    description,
    retryAfter: Math.ceil(wait / 1000),
    isRepeated: reports.take(key, reportRate) > 0,
  });
  return {
    of(address) {
      const source = sourceOf(address);
      const wait = failures.wait(source, failureRate);
      return {
        isExhausted: wait > 0,
        fail(failure) {
          if (wait > 0) return tooMany(wait, 'Too many failed authentications', `at ${source}`);
          failures.take(source, failureRate);
          return failure;
        },
      };
    },
    spend({ id, rate }) {
      const wait = requests.take(id, rate);
      if (wait === 0) return undefined;
      return { ...tooMany(wait, 'The client asks too often', `of ${id}`), client: id };
    },
  };
}
