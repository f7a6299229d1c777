import { type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { type SignatureScheme, schemeFits, signatureScheme } from './signature-schemes.ts';
import { createSignatureTurns } from './thread-pool.ts';
import type { Turns } from './turns.ts';

/** Bits; longer RSA keys take some tenths of a millisecond. */
const longestQuickModulus = 4096;

/**
 * Verifies an asymmetric signature of a compact JWS (RFC 7515 §5.2). What takes some microseconds is
 * done at once: the way to the thread pool and back costs more than that.
 *
 * @param token whose parts are canonical base64url
 * @param key that `alg` was chosen for; one of another type or curve verifies nothing
 * @returns `overloaded` when too many that take longer are waiting
 */
export function verifySignature(
  token: string,
  alg: string,
  key: KeyObject,
): boolean | 'overloaded' | Promise<boolean> {
  const atOnce = verifyAtOnce(token, alg, key);
  if (atOnce !== undefined) return atOnce;
  const scheme = signatureScheme(alg);
  if (scheme === undefined || !schemeFits(scheme, key)) return false;
  turns ??= createSignatureTurns();
  if (turns.isFull()) return 'overloaded';
  const { signed, signature } = split(token);
  const how = { key, ...scheme.options };
  return turns.take(() => verifyElsewhere(scheme.hash, signed, how, signature));
}

/** @returns the same where it is done at once; undefined otherwise, and for what is not asymmetric */
export function verifyAtOnce(token: string, alg: string, key: KeyObject): boolean | undefined {
  const scheme = signatureScheme(alg);
  if (scheme === undefined || !isQuick(scheme, key)) return undefined;
  if (!schemeFits(scheme, key)) return false;
  const { signed, signature } = split(token);
  try {
    return verify(scheme.hash, signed, { key, ...scheme.options }, signature);
  } catch {
    return false; // some algorithms throw for a signature of the wrong length
  }
}

function split(token: string): { readonly signed: Buffer; readonly signature: Buffer } {
  const end = token.lastIndexOf('.');
  return {
    signed: Buffer.from(token.slice(0, end), 'latin1'),
    signature: Buffer.from(token.slice(end + 1), 'base64url'),
  };
}

function isQuick({ slow }: SignatureScheme, { asymmetricKeyDetails }: KeyObject): boolean {
  return !slow && (asymmetricKeyDetails?.modulusLength ?? 0) <= longestQuickModulus;
}

let turns: Turns | undefined;

function verifyElsewhere(
  hash: SignatureScheme['hash'],
  signed: Buffer,
  how: VerifyKeyObjectInput,
  signature: Buffer,
): Promise<boolean> {
  return new Promise((resolve) => {
    verify(hash, signed, how, signature, (error, isGood) => resolve(error === null && isGood));
  });
}
