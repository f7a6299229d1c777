import type { Configuration } from '../config/schema/configuration.ts';
import type { KeySettings } from '../keys/open-keys.ts';
import type { RotationPolicy } from '../keys/rotation.ts';

/** @returns where the keys are, as the keys themselves want to know it */
export function keySettings(configuration: Configuration): KeySettings {
  const { keys } = configuration;
  const { algorithm, directory, private_jwk: jwk, private_jwk_file: privateKeyFile } = keys;
  if (jwk !== undefined) return { algorithm, privateKey: JSON.stringify(jwk) };
  if (privateKeyFile !== undefined) return { algorithm, privateKeyFile };
  return { algorithm, directory: directory ?? '', policy: rotationPolicy(configuration) };
}

const second = 1000;
/** Short, so that a key that had to be dropped is soon forgotten. */
const longestMaxAge = 300 * second;

function rotationPolicy({ keys, token, routes, default_route }: Configuration): RotationPolicy {
  const { every = 0, publish_ahead: publishAhead = 0 } = keys.rotate ?? {};
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
