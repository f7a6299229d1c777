import { z } from 'zod';
import { writtenFileName } from './values.ts';

export const auditSchema = z.strictObject({
  file: writtenFileName
    .optional()
    .describe('Where records are appended, on a local disk; standard output when absent'),
  required: z
    .boolean()
    .default(false)
    .describe(
      'Whether a request is refused (`audit_unavailable`) when its record cannot be written',
    ),
});
