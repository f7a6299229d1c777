import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { DeploymentKey } from '../state/deployment-key.ts';
import type { PrivateKey } from './private-key.ts';
import { publicJwk } from './public-jwk.ts';
import { algorithmFits, signingAlgorithms } from './signer.ts';

/** The public half of a replica's own key, as the others publish it too. */
export interface PublicKeyEntry extends PrivateKey {
  /** Whether it does not sign yet. */
  readonly staged: boolean;
  /** Milliseconds since the epoch; nothing that it signed is valid after that. */
  readonly until: number;
  /** What the owner wrote, so that others can write it again. */
  readonly written: string;
}

const entrySchema = z.strictObject({
  kid: z.string().min(1).max(256),
  alg: z.enum(signingAlgorithms),
  staged: z.boolean(),
  until: z.number(),
  jwk: z.record(z.string(), z.string()),
});

/** @param key private, or its public half */
export function createPublicKeyEntry(
  deploymentKey: DeploymentKey,
  { kid, alg, key }: PrivateKey,
  { staged, until }: Pick<PublicKeyEntry, 'staged' | 'until'>,
): PublicKeyEntry {
  const jwk = publicJwk(key);
  const written = deploymentKey.authenticate(JSON.stringify({ kid, alg, staged, until, jwk }));
  return { kid, alg, staged, until, written, key: importJwk(jwk as JsonWebKey) };
}

/** @returns undefined when no replica of this deployment wrote it, or it is not sound */
export function readPublicKeyEntry(
  deploymentKey: DeploymentKey,
  written: string,
): PublicKeyEntry | undefined {
  const text = deploymentKey.readAuthentic(written);
  if (text === undefined) return undefined;
  try {
    const { jwk, ...rest } = entrySchema.parse(JSON.parse(text));
    const key = importJwk(jwk);
    return algorithmFits(rest.alg, key) ? { ...rest, key, written } : undefined;
  } catch {
    return undefined; // another version wrote it
  }
}

function importJwk(jwk: JsonWebKey): KeyObject {
  return createPublicKey({ key: jwk, format: 'jwk' });
}
