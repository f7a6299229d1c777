import type { Revocation } from './revocations.ts';

/**
 * @param stored what a store kept as JSON
 * @returns undefined when it is not an entry that this version knows
 */
export function readRevocation(stored: unknown): Revocation | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined;
  const entry = stored as { readonly [member: string]: unknown };
  if (typeof entry['until'] !== 'number' || !hasTarget(entry)) return undefined;
  const isWhole = entry['kind'] === 'token' || typeof entry['upTo'] === 'number';
  return isWhole ? (stored as Revocation) : undefined;
}

const targets: Readonly<Record<string, readonly string[]>> = {
  token: ['jti'],
  subject: ['issuer', 'subject'],
  client: ['clientId'],
  key: ['kid'],
  all: [],
};

function hasTarget(entry: { readonly [member: string]: unknown }): boolean {
  const kind = String(entry['kind']);
  const members = Object.hasOwn(targets, kind) ? targets[kind] : undefined;
  return members?.every((member) => typeof entry[member] === 'string') ?? false;
}
