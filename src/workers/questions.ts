import { ConfigurationError, type Problem } from '../config/problems.ts';

/** What one process can do for another, by name: each takes one argument, of plain values. */
export type Actions<Names extends string = string> = Readonly<
  Record<Names, (argument: never) => unknown>
>;

export interface Question {
  readonly id: number;
  readonly action: string;
  readonly argument: unknown;
}

export type Answer = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly failure: Failure }
);

/** What a process says first: from now on it listens. */
export const hello = 'hello';

/** An error as plain values. */
interface Failure {
  readonly message: string;
  readonly code?: string | undefined;
  readonly syscall?: string | undefined;
  /** Of a configuration that cannot be used. */
  readonly problems?: readonly Problem[];
}

type Argument<A extends Actions, Name extends keyof A> = Parameters<A[Name]>[0];

export interface Asker<A extends Actions> {
  /**
   * @param patience milliseconds
   * @returns what the action returns
   * @throws what it throws, or NoAnswer
   */
  ask<Name extends keyof A & string>(
    action: Name,
    argument: Argument<A, Name>,
    patience: number,
  ): Promise<Awaited<ReturnType<A[Name]>>>;
  /** An answer has come. */
  take(answer: Answer): void;
  /** None will come any more. */
  hangUp(): void;
}

/** The other process has ended, or did not answer in time. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** @param send returns at once; what cannot be sent is not answered */
export function createAsker<A extends Actions>(send: (question: Question) => void): Asker<A> {
  const waiting = new Map<number, Waiting>();
  let last = 0;

  function ask(action: string, argument: unknown, patience: number): Promise<unknown> {
    const id = ++last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => give(id)?.reject(new NoAnswer(`no answer to ${action}`)),
        patience,
      );
      const settled = (settle: () => void) => {
        clearTimeout(timer);
        settle();
      };
      waiting.set(id, {
        resolve: (result) => settled(() => resolve(result)),
        reject: (error) => settled(() => reject(error)),
      });
      send({ id, action, argument });
    });
  }

  function give(id: number): Waiting | undefined {
    const found = waiting.get(id);
    waiting.delete(id);
    return found;
  }

  return {
    ask: ask as Asker<A>['ask'],
    take(answer) {
      if ('failure' in answer) give(answer.id)?.reject(readFailure(answer.failure));
      else give(answer.id)?.resolve(answer.result);
    },
    hangUp() {
      for (const id of [...waiting.keys()]) give(id)?.reject(new NoAnswer('the process has ended'));
    },
  };
}

/** @returns the answer; never throws */
export async function answerQuestion(
  actions: Actions,
  { id, action, argument }: Question,
): Promise<Answer> {
  try {
    return { id, result: await actions[action]?.(argument as never) };
  } catch (error) {
    return { id, failure: writeFailure(error as NodeJS.ErrnoException) };
  }
}

function writeFailure(error: NodeJS.ErrnoException): Failure {
  const { message, code, syscall } = error;
  if (error instanceof ConfigurationError) return { message, problems: error.problems };
  return { message, code, syscall };
}

function readFailure({ message, problems, ...system }: Failure): Error {
  if (problems !== undefined) return new ConfigurationError(problems);
  return Object.assign(new Error(message), system);
}
