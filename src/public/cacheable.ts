import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';

/** A document that is the same for everybody until keys or settings change; prepared once. */
export interface CacheableDocument {
  readonly type: string;
  readonly body: Buffer;
  /** Strong (RFC 9110 §8.8.3), and different for each representation of a resource. */
  readonly etag: string;
}

export function createCacheableDocument(type: string, content: object): CacheableDocument {
  const body = Buffer.from(JSON.stringify(content));
  const digest = createHash('sha256').update(`${type}\n`).update(body).digest('base64url');
  return { type, body, etag: `"${digest}"` };
}

/**
 * Answers 200, or 304 when the client has it already (RFC 9110 §13.1.2).
 *
 * @param maxAge milliseconds that it may be kept
 */
export function sendCacheable(
  req: Request,
  res: Response,
  document: CacheableDocument,
  maxAge = 300_000,
): void {
  res.setHeader('ETag', document.etag);
  const seconds = Math.floor(maxAge / 1000);
  res.setHeader('Cache-Control', `public, max-age=${seconds}, stale-if-error=86400`);
  if (req.fresh) {
    res.status(304).end();
    return;
  }
  res.setHeader('Content-Type', document.type);
  res.setHeader('Content-Length', document.body.length);
  res.end(document.body);
}
