import express, { type Request, type Response } from 'express';
import { invalidRequest, type OAuthError } from './oauth-error.ts';
import { clientErrorStatus } from './problem.ts';

const mediaType = 'application/x-www-form-urlencoded';

const readText = express.text({ type: () => true, limit: '64kb', inflate: false });

/**
 * Reads the parameters of a POST to an OAuth endpoint (RFC 6749 §3.2): from the body only, each at
 * most once, and those without a value left out.
 */
export async function readForm(req: Request, res: Response): Promise<URLSearchParams | OAuthError> {
  if (req.url.includes('?')) return invalidRequest('Parameters belong in the body, not in the URL');
  if (!isForm(req.headers['content-type'])) return invalidRequest(`The body must be ${mediaType}`);
  try {
    await readBody(req, res);
  } catch (error) {
    const status = clientErrorStatus(error);
    if (status === undefined) throw error;
    res.setHeader('Connection', 'close'); // the rest of the body is of no interest
    return invalidRequest('The body cannot be read', status);
  }
  return readParameters(typeof req.body === 'string' ? req.body : '');
}

/** RFC 6749 appendix B: UTF-8, whether or not the type says so. */
function isForm(contentType = ''): boolean {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const saysOtherwise = parameters.some((one) => !/^\s*(charset\s*=\s*"?utf-8"?\s*)?$/.test(one));
  return type.trim() === mediaType && !saysOtherwise;
}

function readBody(req: Request, res: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    readText(req, res, (error?: unknown) => (error ? reject(error) : resolve()));
  });
}

function readParameters(body: string): URLSearchParams | OAuthError {
  const form = new URLSearchParams(body);
  const names = [...form.keys()];
  if (new Set(names).size < names.length) return invalidRequest('A parameter came more than once');
  return new URLSearchParams([...form].filter(([, value]) => value !== ''));
}
