/** The issuer as the start of other URLs: without the slash at its end. */
function issuerBase(issuer: string): string {
  return issuer.replace(/\/+$/, '');
}

/** @returns the URL of a public path, built on the issuer */
export function urlUnder(issuer: string, path: string): string {
  return `${issuerBase(issuer)}${path}`;
}

/** @returns the paths at which a public path is served: as it is, and under the issuer's own */
export function pathsOf(issuer: string, path: string): readonly string[] {
  return [path, `${issuerPath(issuer)}${path}`];
}

/**
 * @param wellKnown such as `/.well-known/oauth-authorization-server`
 * @returns its paths, and the form that puts the issuer's path behind it (RFC 8414 §3.1)
 */
export function wellKnownPathsOf(issuer: string, wellKnown: string): readonly string[] {
  return [...pathsOf(issuer, wellKnown), `${wellKnown}${issuerPath(issuer)}`];
}

function issuerPath(issuer: string): string {
  return new URL(issuer).pathname.replace(/\/+$/, '');
}
