import type { Log } from '../issuers/log.ts';
import type { PublicEvent } from '../public/log.ts';
import type { Revocation } from '../state/revocations.ts';

export interface PublicLogDeps {
  readonly log: Log;
  /** Told of mistakes of ours that a request met. */
  readonly onError: (error: unknown) => void;
}

/** Writes a line for what the public listener tells. */
export function logPublicEvent({ log, onError }: PublicLogDeps, event: PublicEvent): void {
  switch (event.event) {
    case 'unexpected_error':
      onError(event.error);
      break;
    case 'client_refused':
      log.warn(event, 'a client was refused');
      break;
    case 'revoked':
      log.info({ client: event.client, ...describe(event.entry) }, 'revoked');
      break;
    case 'nothing_revoked':
      log.info({ client: event.client, reason: event.reason }, 'nothing was revoked');
      break;
    case 'revocation_failed':
      log.warn({ client: event.client, reason: event.reason }, 'a revocation failed');
      break;
  }
}

function describe(entry: Revocation): object {
  if (entry.kind === 'token') return { kind: entry.kind, jti: entry.jti };
  const { upTo, until, ...target } = entry;
  if (target.kind !== 'client') return { ...target, issued_until: upTo, until };
  return { kind: target.kind, client_id: target.clientId, issued_until: upTo, until };
}
