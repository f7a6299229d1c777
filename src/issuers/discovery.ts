import { fetchDocument, parseJsonObject } from './fetch-document.ts';
import type { Outgoing } from './outgoing.ts';
import { refuseUrl } from './trusted-url.ts';

const maxBytes = 64 * 1024;

export interface DiscoverySettings {
  /** The issuer identifier exactly as its tokens carry it. */
  readonly issuer: string;
  /** Origins besides the issuer's own on which its keys may lie. */
  readonly jwksOrigins: readonly string[];
  readonly outgoing?: Outgoing | undefined;
}

export type Discovered =
  | { readonly ok: true; readonly jwksUri: string }
  | { readonly ok: false; readonly reason: string };

/**
 * Asks an issuer where its keys are: OpenID Connect Discovery 1.0 §4 first, then RFC 8414 §3. The
 * document must name the very issuer that was asked for (RFC 8414 §3.3). Never throws.
 */
export async function discoverJwksUri(settings: DiscoverySettings): Promise<Discovered> {
  const problem = refuseIssuer(settings.issuer);
  if (problem !== undefined) return { ok: false, reason: `issuer: ${problem}` };
  const reasons: string[] = [];
  for (const url of metadataUrls(settings.issuer)) {
    const fetched = await fetchDocument({
      ...{ url, maxBytes, purpose: 'discovery', parse: parseJsonObject },
      outgoing: settings.outgoing,
    });
    const result = fetched.ok ? readMetadata(fetched.document, settings) : fetched;
    if (result.ok) return result;
    reasons.push(`${url}: ${result.reason}`);
  }
  return { ok: false, reason: reasons.join('; ') };
}

/** RFC 8414 §2: an issuer identifier has no query and no fragment. */
function refuseIssuer(issuer: string): string | undefined {
  return /[?#]/.test(issuer) ? 'it may have no query and no fragment' : refuseUrl(issuer);
}

function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  // Both specifications remove a terminating slash before they build the URL.
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

function readMetadata(
  metadata: Readonly<Record<string, unknown>>,
  { issuer, jwksOrigins }: DiscoverySettings,
): Discovered {
  if (metadata['issuer'] !== issuer) return { ok: false, reason: 'it names another issuer' };
  const jwksUri = metadata['jwks_uri'];
  if (typeof jwksUri !== 'string') return { ok: false, reason: 'it has no jwks_uri' };
  const problem = refuseUrl(jwksUri);
  if (problem !== undefined) return { ok: false, reason: `jwks_uri: ${problem}` };
  const { origin } = new URL(jwksUri);
  const allowed = [issuer, ...jwksOrigins].some(
    (url) => URL.canParse(url) && new URL(url).origin === origin,
  );
  return allowed
    ? { ok: true, jwksUri }
    : { ok: false, reason: `jwks_uri is on another origin, ${origin}: name it in jwks_origins` };
}
