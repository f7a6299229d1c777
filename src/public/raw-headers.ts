import type { IncomingMessage } from 'node:http';

/**
 * Node keeps the first of some headers that come twice and joins others, so what counts is read
 * from the raw list.
 *
 * @param name in lower case
 * @returns every value of the header, in order
 */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): readonly string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}
