import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * Passes on what a process writes, line by line, so that its lines stay whole beside those of others.
 * A last line that the process did not end is ended.
 */
export function relayLines(from: Readable, writeLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let begun = '';
  from.on('data', (bytes: Buffer) => {
    const lines = (begun + decoder.write(bytes)).split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) writeLine(`${line}\n`);
  });
  from.on('close', () => {
    if (begun !== '') writeLine(`${begun}\n`);
  });
}
