import { z } from 'zod';
import { writeAddress } from '../config/schema/listen.ts';
import { type OpsAddress, readOps } from '../ops/read-ops.ts';
import { CommandError } from './command.ts';

/** Milliseconds. */
const patience = 5000;

/** What of it a command relies on; another version may say more. */
const description = z.looseObject({
  process: z.object({ pid: z.int().min(1), start: z.string().nullable() }).nullable(),
  reload: z
    .looseObject({
      signals: z.int(),
      last: z
        .looseObject({
          result: z.enum(['applied', 'refused', 'needs_restart']),
          reasons: z.array(z.string()),
          signals: z.int(),
        })
        .nullable(),
    })
    .nullable(),
});

/** How a service is, as it says itself. */
export type OpsAnswer = z.output<typeof description>;

/**
 * Asks the service that runs with a configuration how it is.
 *
 * @throws CommandError when none answers
 */
export async function askOps(at: OpsAddress): Promise<OpsAnswer> {
  const text = await readOps(at, '/readyz?verbose', patience).catch(
    (error: NodeJS.ErrnoException) => {
      throw new CommandError(`No service answers at ${writeAddress(at)} (${error.code})`);
    },
  );
  const read = description.safeParse(parseJson(text));
  if (read.success) return read.data;
  throw new CommandError(`What answers at ${writeAddress(at)} is no service of this kind`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
