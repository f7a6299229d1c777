import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Response } from 'express';
import type { PublicLog } from './log.ts';

/** Answers with an RFC 9457 problem that says no more than the status does. */
export function sendProblem(res: Response, status: number): void {
  res.status(status);
  res.setHeader('Content-Type', 'application/problem+json');
  res.setHeader('Cache-Control', 'no-store');
  res.end(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status }));
}

/** The last handler: mistakes of ours. Stacks go to the log, never to the client. */
export function answerErrors(log: PublicLog): ErrorRequestHandler {
  return (error: unknown, _req, res, _next) => {
    log({ event: 'unexpected_error', error });
    if (res.headersSent) res.destroy();
    else sendProblem(res, 500);
  };
}
