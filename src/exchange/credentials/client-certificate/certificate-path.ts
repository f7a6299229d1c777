import { type Certificate, isValidAt } from './certificate.ts';
import { authorityProblem, signatureProblem } from './certificate-profile.ts';

export interface PathSearch {
  readonly leaf: Certificate;
  /** What the client sent besides its own certificate: nothing in it is trusted by itself. */
  readonly presented: readonly Certificate[];
  /** Trusted, whoever issued them. */
  readonly authorities: readonly Certificate[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Authorities between the leaf and the trusted one, which is itself not counted. */
const maxIntermediates = 4;

/**
 * Looks for a way from the leaf over presented certificates to a trusted authority (RFC 5280 §6.1).
 *
 * @returns the time (ms) at which the first certificate on the way ends, or undefined without one
 */
export function findTrustedPath(search: PathSearch): number | undefined {
  return climb(search, {
    child: search.leaf,
    below: 0,
    until: search.leaf.notAfter,
    seen: new Set(),
  });
}

interface Step {
  readonly child: Certificate;
  /** Intermediate authorities passed so far. */
  readonly below: number;
  readonly until: number;
  /** Each is tried once: no loops, and no more work than certificates. */
  readonly seen: Set<Certificate>;
}

function climb(search: PathSearch, { child, below, until, seen }: Step): number | undefined {
  const mayIssue = (issuer: Certificate) =>
    isValidAt(issuer, search.now) && below <= issuer.pathLength && isIssuedBy(child, issuer);
  const trusted = search.authorities.find(mayIssue);
  if (trusted) return Math.min(until, trusted.notAfter);
  if (below === maxIntermediates) return undefined;

  for (const issuer of search.presented) {
    if (seen.has(issuer) || authorityProblem(issuer) || signatureProblem(issuer)) continue;
    if (!mayIssue(issuer)) continue;
    seen.add(issuer);
    const end = Math.min(until, issuer.notAfter);
    const found = climb(search, { child: issuer, below: below + 1, until: end, seen });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names, key identifiers and `keyCertSign` first, because the signature is what costs. */
function isIssuedBy(child: Certificate, issuer: Certificate): boolean {
  try {
    return child.x509.checkIssued(issuer.x509) && child.x509.verify(issuer.x509.publicKey);
  } catch {
    return false;
  }
}
