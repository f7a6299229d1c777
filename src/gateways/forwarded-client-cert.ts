/** The pairs of one XFCC element, names in lower case. */
export type ForwardedClientCert = ReadonlyMap<string, string>;

/**
 * Reads Envoy's `X-Forwarded-Client-Cert`: elements separated by `,`, one for each hop, of
 * `name=value` pairs separated by `;`. A value may be quoted, with backslash escapes.
 *
 * @returns the last element, which the nearest Envoy wrote; undefined when anything in the header
 *   is malformed or a name comes twice in an element that is not `URI` or `DNS`
 */
export function readForwardedClientCert(header: string): ForwardedClientCert | undefined {
  let element = new Map<string, string>();
  const pair = / *([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))([,;]|$)/sy;
  while (true) {
    const [, name = '', quoted, plain = '', end] = pair.exec(header) ?? [];
    if (end === undefined) return undefined;
    const key = name.toLowerCase();
    if (element.has(key) && !repeatable.has(key)) return undefined;
    element.set(key, quoted?.replace(/\\(.)/gs, '$1') ?? plain);
    if (end === '') return element;
    if (end === ',') element = new Map();
  }
}

/** One for each name of its kind in the certificate. */
const repeatable = new Set(['uri', 'dns']);
