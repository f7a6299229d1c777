import type { SigningAlgorithm } from '../signer.ts';

/** A key of the Transit secrets engine of Vault or OpenBao. */
export interface VaultTransitSettings {
  /** For a key that more than one fits. */
  readonly algorithm: SigningAlgorithm;
  /** A URL, perhaps with a path. */
  readonly address: string;
  readonly namespace: string | undefined;
  /** Where the engine is mounted, without slashes around it. */
  readonly mount: string;
  readonly key: string;
  /** Neither when an agent adds the token. */
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  /** Trusted instead of the CAs that Node knows. */
  readonly caFile: string | undefined;
  /** How long a new version is published before it signs, in milliseconds. */
  readonly publishAheadMs: number;
}
