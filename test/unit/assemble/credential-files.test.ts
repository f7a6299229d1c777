import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createCredentialFiles } from '../../../src/assemble/credential-files.ts';
import type { FileContents } from '../../../src/config/watch-files.ts';
import { endAll, freshDirectory } from '../../support/process.ts';

afterEach(endAll);

function follow(first: string | undefined) {
  const file = join(freshDirectory(), 'users');
  if (first !== undefined) writeFileSync(file, first);
  const logged: [string, object, string][] = [];
  const found: string[] = [];
  const changes: string[] = [];
  let tell: (contents: FileContents) => void = () => {};
  const files = createCredentialFiles({
    watcher: {
      watch(path, onStable) {
        expect(path).toBe(file);
        tell = onStable;
      },
    },
    log: {
      info: (fields, message) => logged.push(['info', fields, message]),
      warn: (fields, message) => logged.push(['warn', fields, message]),
    },
    findings: {
      add() {},
      throwAny() {},
      attempt(path, make) {
        try {
          return make();
        } catch (error) {
          found.push(`${path.join('.')}: ${(error as Error).message}`);
          return undefined;
        }
      },
    },
  });
  const make = (text: string) => {
    if (text.startsWith('bad')) throw new Error('line 1: expected user:hash');
    return { text };
  };
  const current: (() => { readonly text: string }) | undefined = files.follow(
    ['a', 'users_file'],
    file,
    make,
    () => changes.push(current?.().text ?? ''),
  );
  return {
    file,
    states: files.states,
    logged,
    found,
    changes,
    current,
    tell: (each: FileContents) => tell(each),
  };
}

describe('a file that says who may call', () => {
  it('counts anew when it changes, and only then is anything cleared', () => {
    const { current, tell, changes, logged, file } = follow('alice');
    expect(current?.()).toEqual({ text: 'alice' });
    tell({ text: 'alice' });
    expect([changes, logged]).toEqual([[], []]);
    tell({ text: 'bob' });
    expect(current?.()).toEqual({ text: 'bob' });
    // What was kept is cleared after the change took effect, or it would come back at once.
    expect(changes).toEqual(['bob']);
    expect(logged).toEqual([['info', { file }, 'a file changed, and counts from now on']]);
  });

  it('goes on as it was while it is bad or missing, and that is said once', () => {
    const { current, tell, changes, logged, file } = follow('alice');
    const good = current?.();
    for (const each of ['bad hunter2', 'bad hunter2']) tell({ text: each });
    tell({ problem: 'cannot be read (ENOENT)' });
    tell({ problem: 'cannot be read (ENOENT)' });
    expect(current?.()).toBe(good);
    expect(changes).toEqual([]);
    const said = 'a file cannot be used; the last good one goes on serving';
    expect(logged).toEqual([
      ['warn', { file, problem: 'line 1: expected user:hash' }, said],
      ['warn', { file, problem: 'cannot be read (ENOENT)' }, said],
    ]);
  });

  it('is said to be good again, also when nothing in it is new', () => {
    const { tell, logged, changes, file } = follow('alice');
    tell({ text: 'bad' });
    tell({ text: 'alice' });
    expect(logged.at(-1)).toEqual(['info', { file }, 'a file can be used again']);
    expect(changes).toEqual([]);
    tell({ text: 'bad' });
    expect(logged).toHaveLength(3);
  });

  it('tells how it stands, and how often it changed', () => {
    const { states, tell, file } = follow('alice');
    expect(states()).toEqual([{ file, problem: undefined, taken: 0, rejected: 0 }]);
    tell({ text: 'bob' });
    for (const each of ['bad', 'bad']) tell({ text: each });
    expect(states()).toMatchObject([
      { problem: 'line 1: expected user:hash', taken: 1, rejected: 1 },
    ]);
    tell({ text: 'bob' });
    expect(states()).toMatchObject([{ problem: undefined, taken: 1, rejected: 1 }]);
  });

  it.each([
    ['bad', 'a.users_file: line 1: expected user:hash'],
    [undefined, /^a\.users_file: .*users cannot be read \(ENOENT\)$/],
  ])('is a finding when it is %s at first', (first, expected) => {
    const { current, found } = follow(first);
    expect(current).toBeUndefined();
    expect(found).toEqual([expect.stringMatching(expected)]);
  });
});
