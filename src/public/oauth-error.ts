import type { Response } from 'express';

/** An error answer of an OAuth endpoint (RFC 6749 §5.2). The description tells no secret. */
export interface OAuthError {
  readonly status: number;
  readonly error:
    | 'invalid_request'
    | 'invalid_client'
    | 'unauthorized_client'
    | 'temporarily_unavailable';
  readonly description: string;
  /** Seconds after which asking again may help. */
  readonly retryAfter?: number;
  /** For the log only: what the client is not told. */
  readonly detail?: string;
  /** For the log only: the client, once it is known. */
  readonly client?: string;
  /** For the log only: the same was told a moment ago. */
  readonly isRepeated?: boolean;
}

export function invalidRequest(description: string, status = 400): OAuthError {
  return { status, error: 'invalid_request', description };
}

/** What was revoked cannot be read, or not be kept. */
export const stateUnavailable: OAuthError = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Revocations are not available; try again',
};

export function sendOAuthError(
  res: Response,
  { status, error, description, retryAfter = 1 }: OAuthError,
): void {
  // RFC 9110 §11.6.1 wants a challenge with every 401, also where the secret was in the form.
  if (status === 401) res.setHeader('WWW-Authenticate', 'Basic realm="countersign"');
  if (status === 503 || status === 429) res.setHeader('Retry-After', String(retryAfter));
  res.status(status);
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Cache-Control', 'no-store');
  res.end(JSON.stringify({ error, error_description: description }));
}
