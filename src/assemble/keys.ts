import type { Configuration } from '../config/schema/configuration.ts';
import type { KeySettings } from '../keys/open-keys.ts';
import type { Pkcs11Settings } from '../keys/pkcs11/settings.ts';
import type { RotationPolicy } from '../keys/rotation.ts';
import type { SigningAlgorithm } from '../keys/signer.ts';
import type { VaultTransitSettings } from '../keys/vault/settings.ts';
import { readSharedState } from './shared-state.ts';

/**
 * @returns where the keys are, as the keys themselves want to know it
 * @throws KeyError when a file that protects them cannot be used
 */
export async function keySettings(configuration: Configuration): Promise<KeySettings> {
  const { keys, state } = configuration;
  const { algorithm, directory, pkcs11, vault_transit: vault } = keys;
  const { private_jwk: jwk, private_jwk_file: privateKeyFile } = keys;
  if (pkcs11 !== undefined) return { algorithm, pkcs11: pkcs11Settings(algorithm, pkcs11) };
  if (vault !== undefined) {
    return { algorithm, vaultTransit: vaultTransitSettings(algorithm, vault) };
  }
  if (jwk !== undefined) return { algorithm, privateKey: JSON.stringify(jwk) };
  if (privateKeyFile !== undefined) return { algorithm, privateKeyFile };
  const policy = rotationPolicy(configuration);
  const shared = directory === undefined ? await readSharedState(state) : undefined;
  if (shared === undefined) return { algorithm, directory: directory ?? '', policy };
  return { algorithm, policy, state: shared, replicas: keys.replicas ?? 'shared' };
}

const second = 1000;
/** Short, so that a key that had to be dropped is soon forgotten. */
const longestMaxAge = 300 * second;

function rotationPolicy({ keys, token, routes, default_route }: Configuration): RotationPolicy {
  const { every, publish_ahead: publishAhead } = keys.rotate ?? { every: 0, publish_ahead: 0 };
  const lives = [...routes, default_route].flatMap((route) => route?.token?.expires_in ?? []);
  return {
    algorithm: keys.algorithm,
    every,
    publishAhead,
    // Whoever fetched the JWKS just before a key was staged fetches it again before it signs.
    jwksMaxAge: Math.min(longestMaxAge, Math.floor(publishAhead / 2 / second) * second),
    tokenLife: Math.max(token.expires_in, ...lives) * second,
  };
}

type Pkcs11 = NonNullable<Configuration['keys']['pkcs11']>;

function pkcs11Settings(
  algorithm: SigningAlgorithm,
  { module, token_label, key_label, key_id, pin, pin_file }: Pkcs11,
): Pkcs11Settings {
  return {
    ...{ algorithm, module, tokenLabel: token_label, keyLabel: key_label, keyId: key_id },
    ...{ pin, pinFile: pin_file },
  };
}

type VaultTransit = NonNullable<Configuration['keys']['vault_transit']>;

function vaultTransitSettings(
  algorithm: SigningAlgorithm,
  { address, mount, key, namespace, token, ...vault }: VaultTransit,
): VaultTransitSettings {
  const { token_file: tokenFile, ca_file: caFile, publish_ahead: publishAheadMs } = vault;
  return { algorithm, address, mount, key, namespace, token, tokenFile, caFile, publishAheadMs };
}
