/** What Envoy does by itself, whatever writes its configuration. */
export const envoyTraits = {
  needs: ['envoy'],
  statusWhenDown: 503,
  statusWhenIssuerDown: 403,
  statusOfTwoAuthorizations: 401,
  statusOfNomination: (header: string) => (header.startsWith('Authorization') ? 401 : 200),
  pathOf: (path: string) => path,
  statusOfUnderscores: 400,
  connectionsAtMost: 2,
  strangeCertificate: 'ends the handshake',
  passesTrailers: false,
} as const;

/** With `normalize_path`: as RFC 3986 has it. */
export const normalized = (path: string) => new URL(`http://site${path}`).pathname;
