import { z } from 'zod';
import { redisSchema } from './redis.ts';
import { fileName } from './values.ts';

/** The keys of `state` for several replicas. */
export const sharedStateKeys = {
  redis: redisSchema
    .optional()
    .describe('For several replicas: a URL such as `redis://redis:6379`, or a map'),
  encryption_key_file: fileName
    .optional()
    .describe(
      '32 bytes in base64 or hex (`openssl rand -base64 32`), the same for all replicas: ' +
        'protects what lies in Redis. Required with `redis`',
    ),
  previous_encryption_key_file: fileName
    .optional()
    .describe('Another such key, which is understood too: to change the key'),
  when_unavailable: z
    .enum(['refuse', 'answer'])
    .default('refuse')
    .describe(
      'What introspection does while Redis is down: `refuse` with 503, or `answer` by the ' +
        'revocations known here',
    ),
};

/** A rule of `state`. For `.check()`. */
export function checkSharedState({ value, issues }: z.core.ParsePayload<SharedStateValue>): void {
  const { redis, encryption_key_file: file, previous_encryption_key_file: previous } = value;
  const add = (key: string, message: string) => {
    issues.push({ code: 'custom', input: undefined, path: [key], message });
  };
  if (redis !== undefined && file === undefined) {
    add('redis', 'needs encryption_key_file: `openssl rand -base64 32` makes its content');
  }
  if (redis !== undefined) return;
  const message = 'is for redis, which is not given';
  if (file !== undefined) add('encryption_key_file', message);
  if (previous !== undefined) add('previous_encryption_key_file', message);
}

interface SharedStateValue {
  readonly redis?: unknown;
  readonly encryption_key_file?: string | undefined;
  readonly previous_encryption_key_file?: string | undefined;
}
