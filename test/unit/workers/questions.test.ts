import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../../src/config/problems.ts';
import {
  type Answer,
  answerQuestion,
  createAsker,
  NoAnswer,
  type Question,
} from '../../../src/workers/questions.ts';

const problem = { file: 'c.yaml', line: 3, column: 1, key: 'keys', message: 'is bad' };

const actions = {
  double: (n: number) => 2 * n,
  later: async (text: string) => `${text} later`,
  fail() {
    throw Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', syscall: 'listen' });
  },
  refuse() {
    throw new ConfigurationError([problem]);
  },
};

/** Two ends, and between them what a channel between processes lets through. */
function connect() {
  const questions: Question[] = [];
  const asker = createAsker<typeof actions>((question) => questions.push(question));
  return {
    asker,
    questions,
    async answerAll(inOrder = (all: Answer[]) => all) {
      const answers = questions.splice(0).map((question) => answerQuestion(actions, question));
      for (const answer of inOrder(await Promise.all(answers))) {
        asker.take(structuredClone(answer));
      }
    },
  };
}

describe('questions to another process', () => {
  it('are answered, each with its own answer, whatever the order', async () => {
    const { asker, answerAll } = connect();
    const asked = [asker.ask('double', 2, 1000), asker.ask('later', 'now', 1000)];
    await answerAll((all) => all.reverse());
    expect(await Promise.all(asked)).toEqual([4, 'now later']);
  });

  it('fail as the action does: as the system says', async () => {
    const { asker, answerAll } = connect();
    const asked = asker.ask('fail', undefined as never, 1000);
    await answerAll();
    const told = { message: 'listen EADDRINUSE', code: 'EADDRINUSE', syscall: 'listen' };
    await expect(asked).rejects.toMatchObject(told);
  });

  it('fail as the action does: with what is wrong with a configuration', async () => {
    const { asker, answerAll } = connect();
    const asked = asker.ask('refuse', undefined as never, 1000);
    await answerAll();
    const error = await asked.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ problems: [problem] });
  });

  it('fail in time when nobody answers, and a late answer does nothing', async () => {
    const { asker, answerAll } = connect();
    await expect(asker.ask('double', 2, 10)).rejects.toThrow(NoAnswer);
    await answerAll();
  });

  it('fail when the other process has ended', async () => {
    const { asker } = connect();
    const asked = [asker.ask('double', 1, 60_000), asker.ask('double', 2, 60_000)];
    asker.hangUp();
    for (const each of asked) await expect(each).rejects.toThrow(NoAnswer);
  });
});
