import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { z } from 'zod';
import { type Address, writeAddress } from '../config/schema/listen.ts';
import { CommandError } from './command.ts';

export type OpsAddress = Address & { readonly tls?: object | undefined };

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
  const text = await get(at, '/readyz?verbose').catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`No service answers at ${writeAddress(at)} (${error.code})`);
  });
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

const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
const patience = 5000;

function get({ host, port, path: socketPath, tls }: OpsAddress, path: string): Promise<string> {
  const at = socketPath === undefined ? { host: everywhere[host] ?? host, port } : { socketPath };
  // The certificate names the service for others; here it is found by its address, and told nothing.
  const secure = tls === undefined ? {} : { rejectUnauthorized: false };
  const request = tls === undefined ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...at, ...secure, path, agent: false, timeout: patience },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(text)).on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
    sent.on('error', reject).end();
  });
}
