import { constants, type KeyObject } from 'node:crypto';

/** An asymmetric JWS algorithm (RFC 7518 §3.1, RFC 8037, RFC 9864), as `node:crypto` is told of it. */
export interface SignatureScheme {
  /** Of the digest; null where the algorithm has its own. */
  readonly hash: string | null;
  /** Of the key. */
  readonly keyType: 'rsa' | 'ec' | 'ed25519';
  /** OpenSSL's name of the curve that EC keys must be on. */
  readonly curve?: string;
  /** Signing and verifying take a good part of a millisecond each: OpenSSL has no quick way there. */
  readonly slow: boolean;
  /** What goes beside the key. */
  readonly options: {
    readonly padding?: number;
    readonly saltLength?: number;
    readonly dsaEncoding?: 'ieee-p1363';
  };
}

const ed25519: SignatureScheme = { hash: null, keyType: 'ed25519', slow: false, options: {} };

const schemes = new Map<string, SignatureScheme>([
  ['RS256', pkcs1('sha256')],
  ['RS384', pkcs1('sha384')],
  ['RS512', pkcs1('sha512')],
  ['PS256', pss('sha256', 32)],
  ['PS384', pss('sha384', 48)],
  ['PS512', pss('sha512', 64)],
  ['ES256', ecdsa('sha256', 'prime256v1', false)],
  ['ES384', ecdsa('sha384', 'secp384r1', true)],
  ['ES512', ecdsa('sha512', 'secp521r1', true)],
  ['Ed25519', ed25519],
  ['EdDSA', ed25519], // a polymorphic name, and Ed25519 the one curve taken here
]);

/** @returns undefined for an algorithm that is not asymmetric, or not known */
export function signatureScheme(alg: string): SignatureScheme | undefined {
  return schemes.get(alg);
}

/** @returns whether the key's type, and for EC its curve, are the algorithm's (RFC 7518 §3.1) */
export function schemeFits({ keyType, curve }: SignatureScheme, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== keyType) return false;
  return curve === undefined || key.asymmetricKeyDetails?.namedCurve === curve;
}

function pkcs1(hash: string): SignatureScheme {
  const padding = constants.RSA_PKCS1_PADDING;
  return { hash, keyType: 'rsa', slow: false, options: { padding } };
}

/** RFC 7518 §3.5: the salt is as long as the digest. */
function pss(hash: string, saltLength: number): SignatureScheme {
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return { hash, keyType: 'rsa', slow: false, options: { padding, saltLength } };
}

/** RFC 7518 §3.4: each has exactly one curve, and r and s side by side. */
function ecdsa(hash: string, curve: string, slow: boolean): SignatureScheme {
  return { hash, keyType: 'ec', curve, slow, options: { dsaEncoding: 'ieee-p1363' } };
}
