import type { Configuration } from '../config/schema/configuration.ts';
import type { KeySettings } from '../keys/key-ring.ts';

/** @returns where the keys are, as the keys themselves want to know it */
export function keySettings({ keys }: Configuration): KeySettings {
  const { algorithm, directory, private_jwk: jwk, private_jwk_file: privateKeyFile } = keys;
  if (jwk !== undefined) return { algorithm, privateKey: JSON.stringify(jwk) };
  if (privateKeyFile !== undefined) return { algorithm, privateKeyFile };
  return { algorithm, directory: directory ?? '' };
}
