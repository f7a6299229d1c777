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

/** The last handler: what no endpoint expected. Stacks go to the log, never to the client. */
export function answerErrors(log: PublicLog): ErrorRequestHandler {
  return (error: unknown, _req, res, _next) => {
    const status = clientErrorStatus(error);
    if (status === undefined) log({ event: 'unexpected_error', error });
    if (res.headersSent) res.destroy();
    else sendProblem(res, status ?? 500);
  };
}

/** @returns the status of an error that the request caused, as http-errors marks it */
export function clientErrorStatus(error: unknown): number | undefined {
  const { status } = Object(error) as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
