import type { Request, RequestHandler, Response } from 'express';
import type { EndpointName, PublicCounts } from './counts.ts';
import { sendProblem } from './problem.ts';

export type Respond = (req: Request, res: Response) => void | Promise<void>;

/** What one path answers. GET answers HEAD too. */
export interface Endpoint {
  readonly name: EndpointName;
  readonly get?: Respond;
  readonly post?: Respond;
  /** Public data: scripts of any origin may read it, without credentials. */
  readonly crossOrigin: boolean;
}

/**
 * Answers from a table of exact paths. Paths are compared as they came, so that no two spellings
 * are one path and nothing in a path can fail to decode.
 */
export function serveEndpoints(
  endpoints: ReadonlyMap<string, Endpoint>,
  counts: PublicCounts,
): RequestHandler {
  return (req, res) => {
    const endpoint = endpoints.get(rawPath(req.url));
    if (endpoint === undefined) return sendProblem(res, 404);
    res.once('finish', () => counts.answered(endpoint.name, res.statusCode));
    if (endpoint.crossOrigin) allowOtherOrigins(res);
    const respond = responderFor(endpoint, req.method);
    if (respond !== undefined) return respond(req, res);
    res.setHeader('Allow', allowedMethods(endpoint));
    if (req.method !== 'OPTIONS') return sendProblem(res, 405);
    if (endpoint.crossOrigin) answerPreflight(res);
    res.status(204).end();
  };
}

/** RFC 9112 §3.2: origin-form, or absolute-form as a proxy may send it. */
function rawPath(url: string): string {
  return url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
}

function responderFor({ get, post }: Endpoint, method: string): Respond | undefined {
  if (method === 'GET' || method === 'HEAD') return get;
  return method === 'POST' ? post : undefined;
}

function allowedMethods({ get, post }: Endpoint): string {
  return [...(get ? ['GET', 'HEAD'] : []), ...(post ? ['POST'] : []), 'OPTIONS'].join(', ');
}

function allowOtherOrigins(res: Response): void {
  res.setHeader('Access-Control-Allow-Origin', '*');
  res.setHeader('Access-Control-Expose-Headers', 'ETag');
  res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
}

function answerPreflight(res: Response): void {
  res.setHeader('Access-Control-Allow-Methods', 'GET, HEAD');
  res.setHeader('Access-Control-Allow-Headers', '*');
  res.setHeader('Access-Control-Max-Age', '86400');
}
