import type { RotationPolicy } from '../../src/keys/rotation.ts';

const minute = 60_000;

/** How keys are changed unless a configuration says otherwise. */
export const usualPolicy: RotationPolicy = {
  algorithm: 'ES256',
  every: 30 * 24 * 60 * minute,
  publishAhead: 60 * minute,
  jwksMaxAge: 5 * minute,
  tokenLife: 30 * minute,
};
