import { z } from 'zod';
import { checkSharedState, sharedStateKeys } from './shared-state.ts';
import { directoryName, seconds } from './values.ts';

export const stateSchema = z
  .strictObject({
    directory: directoryName
      .default('./data/state')
      .describe(
        'Where revocations are kept without `redis`, for the owner only; made when a client may revoke, opened when it is there',
      ),
    keep_rules: seconds
      .prefault('90d')
      .describe(
        'How long revocations of a subject, a client, a key or everything hold: no bearer token of your issuers should live longer',
      ),
    ...sharedStateKeys,
  })
  .check(checkSharedState);
