import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createFileWatcher,
  type FileContents,
  type FileWatcher,
  type WatchedFiles,
} from '../../../src/config/watch-files.ts';
import { endAll, freshDirectory, until } from '../../support/process.ts';

/** A file system of one file, and a clock that moves when it is told. */
function createWorld() {
  let version = 1;
  let contents: FileContents = { text: 'first' };
  let whileReading = () => {};
  const due: { run: () => void; cancelled: boolean }[] = [];
  const files: WatchedFiles = {
    identify: async () => String(version),
    read: async () => {
      const read = contents;
      whileReading();
      return read;
    },
  };
  const watcher = createFileWatcher({
    files,
    after(ms, run) {
      expect(ms).toBe(250);
      const timer = { run, cancelled: false };
      due.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
  });
  const told: FileContents[] = [];
  watcher.watch('/f', (each) => told.push(each));
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    told,
    due,
    watcher,
    settle,
    write(next: FileContents) {
      version++;
      contents = next;
    },
    onRead(run: () => void) {
      whileReading = run;
    },
    async pass(looks: number) {
      for (let look = 0; look < looks; look++) {
        for (const timer of due.splice(0)) if (!timer.cancelled) timer.run();
        await settle();
      }
    },
  };
}

async function startWorld() {
  const world = createWorld();
  world.watcher.start();
  await world.settle();
  await world.pass(1);
  expect(world.told.splice(0)).toEqual([{ text: 'first' }]);
  return world;
}

describe('watching a file', () => {
  it('tells what it holds once it was the same in two looks, and only once', async () => {
    const { told, write, pass } = await startWorld();
    await pass(5);
    expect(told).toEqual([]);
    write({ text: 'second' });
    await pass(1);
    expect(told).toEqual([]);
    await pass(1);
    expect(told).toEqual([{ text: 'second' }]);
    await pass(5);
    expect(told).toHaveLength(1);
  });

  it('waits while it is being written', async () => {
    const { told, write, pass } = await startWorld();
    for (const text of ['a', 'ab', 'abc']) {
      write({ text });
      await pass(1);
    }
    expect(told).toEqual([]);
    await pass(1);
    expect(told).toEqual([{ text: 'abc' }]);
  });

  it('does not tell what it read while somebody wrote', async () => {
    const { told, write, pass, onRead } = await startWorld();
    write({ text: 'half' });
    onRead(() => {
      onRead(() => {});
      write({ text: 'half and half' });
    });
    await pass(2);
    expect(told).toEqual([]);
    await pass(2);
    expect(told).toEqual([{ text: 'half and half' }]);
  });

  it('tries again what could not be read, though nothing about it changes', async () => {
    const { told, write, pass } = await startWorld();
    const problem = { problem: 'cannot be read (EMFILE)' };
    write(problem);
    await pass(3);
    expect(told).toEqual([problem, problem]);
  });

  it('ends when it is closed', async () => {
    const { told, write, pass, watcher } = await startWorld();
    write({ text: 'second' });
    await pass(1);
    watcher.close();
    await pass(5);
    expect(told).toEqual([]);
  });

  it('tells nothing that it was reading when it was closed', async () => {
    const { told, write, pass, watcher, onRead, due } = await startWorld();
    write({ text: 'second' });
    onRead(() => watcher.close());
    await pass(2);
    expect(told).toEqual([]);
    expect(due).toEqual([]);
  });

  it('does nothing before it is started', async () => {
    const { due, settle } = createWorld();
    await settle();
    expect(due).toEqual([]);
  });
});

describe('watching a file on a real disk', () => {
  let watcher: FileWatcher;
  afterEach(async () => {
    watcher.close();
    await endAll();
  });

  /** Each change, and what is told then. */
  it.each<[string, (directory: string, file: string) => void, FileContents]>([
    ['written in place', (_, file) => writeFileSync(file, 'second'), { text: 'second' }],
    ['truncated', (_, file) => truncateSync(file, 0), { text: '' }],
    ['removed', (_, file) => rmSync(file), { problem: 'cannot be read (ENOENT)' }],
    [
      'replaced by one of the same size and time',
      (directory, file) => {
        writeFileSync(join(directory, 'new'), 'tsrif');
        renameSync(join(directory, 'new'), file);
      },
      { text: 'tsrif' },
    ],
    [
      'replaced by a directory',
      (_, file) => {
        rmSync(file);
        mkdirSync(file);
      },
      { problem: 'cannot be read (EISDIR)' },
    ],
  ])('notices that it was %s', async (_, change, expected) => {
    const directory = freshDirectory();
    const file = join(directory, 'file');
    writeFileSync(file, 'first');
    const told: FileContents[] = [];
    watcher = createFileWatcher();
    watcher.watch(file, (each) => told.push(each));
    watcher.start();
    await until(() => told.length === 1);
    change(directory, file);
    await until(() => told.length > 1);
    expect(told.slice(0, 2)).toEqual([{ text: 'first' }, expected]);
  });

  it('notices that Kubernetes swapped the directory behind it', async () => {
    const mount = freshDirectory();
    for (const version of ['one', 'two']) {
      mkdirSync(join(mount, `..${version}`));
      writeFileSync(join(mount, `..${version}`, 'file'), version);
    }
    symlinkSync('..one', join(mount, '..data'));
    symlinkSync('..data/file', join(mount, 'file'));
    const told: FileContents[] = [];
    watcher = createFileWatcher();
    watcher.watch(join(mount, 'file'), (each) => told.push(each));
    watcher.start();
    await until(() => told.length === 1);
    symlinkSync('..two', join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
    await until(() => told.length === 2);
    expect(told).toEqual([{ text: 'one' }, { text: 'two' }]);
  });
});
