import { discoverJwksUri } from './discovery.ts';
import { fetchDocument, parseJsonObject } from './fetch-document.ts';
import { type KeySet, readKeySet } from './key-set.ts';
import type { Outgoing } from './outgoing.ts';

const maxBytes = 1024 * 1024;
const discoveredForMs = 60 * 60_000;

export interface JwksSourceSettings {
  readonly issuer: string;
  /** Where the keys are; without it the issuer's discovery document says so. */
  readonly jwksUri?: string | undefined;
  /** Origins besides the issuer's own that the discovery document may name. */
  readonly jwksOrigins?: readonly string[] | undefined;
  /** The JWS algorithms that are accepted. */
  readonly algorithms: readonly string[];
  /** Milliseconds. */
  readonly now: () => number;
  readonly outgoing?: Outgoing | undefined;
}

export type LoadedKeys =
  | { readonly ok: true; readonly set: KeySet; readonly maxAgeSeconds: number | undefined }
  | { readonly ok: false; readonly reason: string };

/**
 * @returns a function that fetches the issuer's key set. It asks for the discovery document again
 * after an hour, and as soon as the keys are not where it said. It never throws.
 */
export function createJwksSource(settings: JwksSourceSettings): () => Promise<LoadedKeys> {
  const { issuer, jwksOrigins = [], now, outgoing } = settings;
  let discovered: { readonly jwksUri: string; readonly at: number } | undefined;

  async function locate() {
    if (settings.jwksUri !== undefined) return { ok: true, jwksUri: settings.jwksUri } as const;
    if (discovered !== undefined && now() - discovered.at < discoveredForMs) {
      return { ok: true, jwksUri: discovered.jwksUri } as const;
    }
    const found = await discoverJwksUri({ issuer, jwksOrigins, outgoing });
    discovered = found.ok ? { jwksUri: found.jwksUri, at: now() } : undefined;
    return found;
  }

  return async () => {
    const located = await locate();
    if (!located.ok) return located;
    const loaded = await loadKeySet(located.jwksUri, settings);
    if (!loaded.ok) discovered = undefined;
    return loaded;
  };
}

async function loadKeySet(
  url: string,
  { algorithms, outgoing }: JwksSourceSettings,
): Promise<LoadedKeys> {
  const fetched = await fetchDocument({
    ...{ url, maxBytes, purpose: 'jwks', parse: parseJsonObject },
    outgoing,
  });
  const reading = fetched.ok ? readKeySet(fetched.document, algorithms) : fetched;
  if (!reading.ok) return { ok: false, reason: `${url}: ${reading.reason}` };
  const maxAgeSeconds = fetched.ok ? fetched.maxAgeSeconds : undefined;
  return { ok: true, set: reading.set, maxAgeSeconds };
}
