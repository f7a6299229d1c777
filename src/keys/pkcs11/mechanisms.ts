import { createHash } from 'node:crypto';
import type { Mechanism } from 'pkcs11js';
import { KeyError } from '../key-error.ts';
import { hashLength, type SigningAlgorithm } from '../signer.ts';
import type { Pkcs11Js } from './library.ts';

/** How PKCS#11 makes the signature of a JWS algorithm. */
export interface SigningMechanism {
  readonly mechanism: Mechanism;
  /** @returns what the token is given: the message, or its hash where the token does not hash */
  prepare(input: string): Buffer;
}

/** @throws KeyError for an algorithm that PKCS#11 2.40 has no mechanism for */
export function mechanismFor(alg: SigningAlgorithm, numbers: Pkcs11Js): SigningMechanism {
  const bits = alg.slice(2) as '256' | '384' | '512';
  const message = (input: string) => Buffer.from(input, 'ascii');
  switch (alg) {
    case 'RS256':
    case 'RS384':
    case 'RS512':
      return { mechanism: { mechanism: numbers[`CKM_SHA${bits}_RSA_PKCS`] }, prepare: message };
    case 'PS256':
    case 'PS384':
    case 'PS512': {
      const parameter = {
        type: numbers.CK_PARAMS_RSA_PSS,
        hashAlg: numbers[`CKM_SHA${bits}`],
        mgf: numbers[`CKG_MGF1_SHA${bits}`],
        saltLen: hashLength(alg), // RFC 7518 §3.5
      };
      const mechanism = numbers[`CKM_SHA${bits}_RSA_PKCS_PSS`];
      return { mechanism: { mechanism, parameter }, prepare: message };
    }
    case 'ES256':
    case 'ES384':
    case 'ES512':
      // Of the mechanisms for ECDSA this is the one that all tokens have; r and s come side by side.
      return {
        mechanism: { mechanism: numbers.CKM_ECDSA },
        prepare: (input) => createHash(`sha${bits}`).update(input, 'ascii').digest(),
      };
    default:
      throw new KeyError(`PKCS#11 does not sign with ${alg}`);
  }
}
