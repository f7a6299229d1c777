import { answerQuestion, hello, type Question } from './questions.ts';
import { createWorker } from './worker.ts';

/** A process of a crew: does what the process that started it asks for, and ends with it. */

const worker = createWorker();

// Whoever stops the service signals all its processes: the one that keeps this one says what to do.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

process.on('message', (question: Question) => {
  void answerQuestion(worker, question).then((answer) => {
    process.send?.(answer, () => {
      if (question.action === 'close') process.exit(0);
    });
  });
});

process.send?.(hello);
