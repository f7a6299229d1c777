import { createServer } from 'node:net';
import { listenAnywhere } from './process.ts';

/** Something that answers in the place of Countersign. */
export interface Impostor {
  readonly port: number;
  /** All it says to any question, before it hangs up: 403 at first; '' is silence. */
  says: string;
  /** The last question, byte for byte. */
  readonly heard: () => string;
  readonly close: () => void;
}

export async function startImpostor(): Promise<Impostor> {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (question) => {
      heard = question.toString('latin1');
      if (impostor.says !== '') socket.end(impostor.says);
    });
  });
  const impostor: Impostor = {
    port: await listenAnywhere(server),
    says: 'HTTP/1.1 403 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    heard: () => heard,
    close: () => server.close(),
  };
  return impostor;
}
