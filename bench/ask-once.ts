import { connect } from 'node:net';
import type { Answer } from './floor.ts';
import type { Requests } from './workload.ts';

/** @returns the first of the requests, as it goes over the wire */
export function firstOf({ template, values }: Requests): string {
  return template.replace('{}', () => values[0] ?? '');
}

/** Sends one request, and reads its answer to the end. */
export function askOnce(port: number, request: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setEncoding('latin1').on('data', (more) => {
      text += more;
      const answer = parseAnswer(text);
      if (answer === undefined) return;
      socket.destroy();
      resolve(answer);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`no whole answer: ${text}`)));
    socket.write(request, 'latin1');
  });
}

/** What each server says for itself. */
const ofTheServer = new Set(['date', 'connection', 'keep-alive']);

/** @returns nothing while the answer is not whole; its length must be stated */
export function parseAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const pairs = lines.map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)] as const;
  });
  const length = pairs.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  const body = text.slice(end + 4);
  if (length === undefined) throw new Error('an answer without Content-Length');
  if (body.length < Number(length)) return undefined;
  const headers = pairs.filter(([name]) => !ofTheServer.has(name.toLowerCase())).flat();
  return { status: Number(first.split(' ')[1]), headers, body };
}
