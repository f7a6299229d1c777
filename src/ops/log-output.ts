import { write } from 'node:fs';
import { createLineOutput } from './audit/line-file.ts';

const standardOutput = 1;
/** Characters of lines that are written together, and how long (ms) the first of them waits at most. */
const batchLength = 16 * 1024;
const batchDelay = 50;
/** Characters that wait at most for whoever reads standard output; further lines are lost. */
const waitingLength = 4 * 1024 * 1024;
/** Milliseconds until a write that failed is tried again. */
const retryDelay = 200;
/** Milliseconds after which whoever reads is said to hang. */
const hanging = 1000;

export interface LogOutput {
  write(line: string): void;
  /** Writes now what has not been given to the system yet. */
  flushSync(): void;
}

/**
 * Standard output as the log sees it. Nobody waits for it: lines go out in batches, beside the
 * requests. A full disk or a reader that hangs costs lines, and nothing else; at the end of the
 * process, too.
 *
 * @param onLost is told of each line that is lost
 */
export function createLogOutput(onLost: () => void): LogOutput {
  const whole = createLineOutput(standardOutput);
  let batch = '';
  let isTimed = false;
  /** Given to the system, and not taken yet. */
  let writing: Buffer | undefined;
  let writingSince = 0;

  function flush(): void {
    if (writing !== undefined || batch === '') return;
    writing = Buffer.from(batch);
    batch = '';
    writingSince = performance.now();
    writeOn(writing);
  }

  function flushLater(): void {
    isTimed = false;
    flush();
  }

  function writeOn(bytes: Buffer): void {
    write(standardOutput, bytes, (error, written) => {
      const rest = error ? bytes : bytes.subarray(written);
      if (error) {
        setTimeout(() => writeOn(rest), retryDelay).unref();
      } else if (rest.length > 0) {
        writeOn(rest);
      } else {
        writing = undefined;
        flush();
      }
    });
  }

  function flushSync(): void {
    const hangs = writing !== undefined && performance.now() - writingSince > hanging;
    try {
      if (!hangs && batch !== '') whole.write(batch);
      batch = '';
    } catch {
      // What cannot be written now waits, or is lost at the end of the process.
    }
  }

  process.on('exit', flushSync);
  return {
    write(line) {
      if (batch.length > waitingLength) {
        onLost();
        return;
      }
      batch += line;
      if (batch.length >= batchLength) {
        flush();
      } else if (!isTimed) {
        isTimed = true;
        setTimeout(flushLater, batchDelay);
      }
    },
    flushSync,
  };
}
