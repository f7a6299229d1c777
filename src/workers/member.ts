import cluster from 'node:cluster';
import { extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Answer, type Asker, createAsker, hello, type Question } from './questions.ts';
import { relayLines } from './relay-lines.ts';
import type { WorkerActions } from './worker.ts';

/** A process of the crew, as the one that keeps it sees it. */
export interface Member extends Pick<Asker<WorkerActions>, 'ask'> {
  readonly pid: number;
  /** It may answer gateways; whoever tells it something then waits until it knows. */
  isServing: boolean;
  /** Resolves when it has ended, with how it did. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Ends it at once. */
  end(): void;
}

const program = join(import.meta.dirname, `main${extname(import.meta.filename)}`);

/**
 * Starts a process that shares this one's listening sockets.
 *
 * @param writeLine gets what it writes to standard output
 */
export function startMember(writeLine: (line: string) => void): Member {
  cluster.setupPrimary({
    exec: program,
    args: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const worker = cluster.fork();
  const { process: child } = worker;
  relayLines(child.stdout as Readable, writeLine);
  // Node drops what comes before a worker listens.
  let early: Question[] | undefined = [];
  const asker = createAsker<WorkerActions>((question) => {
    if (early !== undefined) early.push(question);
    // One that has ended says so by itself.
    else if (worker.isConnected()) worker.send(question, () => {});
  });
  worker.on('message', (message: Answer | typeof hello) => {
    if (message !== hello) return asker.take(message);
    for (const question of early ?? []) worker.send(question, () => {});
    early = undefined;
  });
  // The system could not start it, or stop it: it ends all the same, or has.
  worker.on('error', () => {});
  const ended = new Promise<Awaited<Member['ended']>>((resolve) => {
    child.once('close', (code, signal) => {
      asker.hangUp();
      resolve({ code, signal });
    });
  });
  return {
    ask: asker.ask,
    pid: child.pid ?? 0,
    isServing: false,
    ended,
    end() {
      child.kill('SIGKILL');
    },
  };
}
