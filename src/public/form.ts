import type { IncomingMessage } from 'node:http';
import { invalidRequest, type OAuthError } from './oauth-error.ts';

const mediaType = 'application/x-www-form-urlencoded';
const mostBytes = 64 * 1024;

/**
 * Reads the parameters of a POST to an OAuth endpoint (RFC 6749 §3.2): from the body only, each at
 * most once, and those without a value left out.
 */
export async function readForm(req: IncomingMessage): Promise<URLSearchParams | OAuthError> {
  const { url = '', headers } = req;
  if (url.includes('?')) return invalidRequest('Parameters belong in the body, not in the URL');
  if (!isForm(headers['content-type'])) return invalidRequest(`The body must be ${mediaType}`);
  if (headers['content-encoding'] !== undefined) {
    return invalidRequest('The body must not be compressed', 415);
  }
  const body = await readBody(req);
  return typeof body === 'string' ? readParameters(body) : body;
}

/** RFC 6749 appendix B: UTF-8, whether or not the type says so. */
function isForm(contentType = ''): boolean {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const saysOtherwise = parameters.some((one) => !/^\s*(charset\s*=\s*"?utf-8"?\s*)?$/.test(one));
  return type.trim() === mediaType && !saysOtherwise;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Answers as soon as the body is too large; Express's own reader waits for the rest of it. */
async function readBody(req: IncomingMessage): Promise<string | OAuthError> {
  const tooLarge = invalidRequest('The body is too large', 413);
  if (Number(req.headers['content-length'] ?? 0) > mostBytes) return tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // To destroy the request would close the connection before the answer is out.
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length;
      if (bytes > mostBytes) return tooLarge;
      chunks.push(chunk as Buffer);
    }
    return strictUtf8.decode(Buffer.concat(chunks));
  } catch {
    return invalidRequest('The body was cut short, or is not UTF-8');
  }
}

function readParameters(body: string): URLSearchParams | OAuthError {
  const form = new URLSearchParams(body);
  const names = [...form.keys()];
  if (new Set(names).size < names.length) return invalidRequest('A parameter came more than once');
  return new URLSearchParams([...form].filter(([, value]) => value !== ''));
}
