import type { SigningAlgorithm } from '../signer.ts';

/** A key pair on a PKCS#11 token. */
export interface Pkcs11Settings {
  /** For a key that more than one fits. */
  readonly algorithm: SigningAlgorithm;
  /** The vendor's library. */
  readonly module: string;
  readonly tokenLabel: string;
  readonly keyLabel: string;
  /** `CKA_ID` of the key that signs, in hex; needed when several have the label. */
  readonly keyId: string | undefined;
  /** Neither for a token that needs no login. */
  readonly pin: string | undefined;
  readonly pinFile: string | undefined;
}
