import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLineFile, type LineFile } from '../../../../src/ops/audit/line-file.ts';
import { endAll, freshDirectory } from '../../../support/process.ts';
import { canMount, mountSmall, unmountAll } from '../../../support/small-disk.ts';

const whereMounting = canMount ? it : it.skip;

const opened: LineFile[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) each.close();
  unmountAll();
  await endAll();
});

function open(directory = freshDirectory()) {
  const path = join(directory, 'audit.jsonl');
  let time = 0;
  const file = createLineFile(path, () => time);
  opened.push(file);
  const advance = (ms: number) => {
    time += ms;
  };
  return { path, file, advance, read: (name = path) => readFileSync(name, 'utf8') };
}

describe('the file of records', () => {
  it('is made for the owner only, and keeps what is there and its mode', () => {
    const { path, file, read } = open();
    file.write('{"a":1}\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o640);
    file.reopen();
    file.write('{"a":2}\n');
    expect(read()).toBe('{"a":1}\n{"a":2}\n');
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  it('is another one within a second of being renamed, and at once when asked to reopen', () => {
    const { path, file, advance, read } = open();
    file.write('one\n');
    renameSync(path, `${path}.1`);
    advance(999);
    file.write('two\n');
    expect(existsSync(path)).toBe(false);
    advance(1);
    file.write('three\n');
    renameSync(path, `${path}.2`);
    file.reopen();
    file.write('four\n');
    expect([read(`${path}.1`), read(`${path}.2`), read()]).toEqual([
      'one\ntwo\n',
      'three\n',
      'four\n',
    ]);
  });

  it('is made again when it was removed, or replaced', () => {
    const { path, file, advance, read } = open();
    rmSync(path);
    advance(1000);
    file.write('one\n');
    expect(read()).toBe('one\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'of somebody\n');
    advance(1000);
    file.write('two\n');
    expect(read()).toBe('of somebody\ntwo\n');
  });

  it('that cannot be opened any more fails, until it can', () => {
    const directory = join(freshDirectory());
    const { path, file, read } = open(directory);
    renameSync(directory, `${directory}-away`);
    writeFileSync(directory, 'in the way');
    file.reopen();
    for (let tries = 0; tries < 2; tries++) expect(() => file.write('one\n')).toThrow(/ENOTDIR/);
    rmSync(directory);
    renameSync(`${directory}-away`, directory);
    file.write('two\n');
    expect(read(path)).toBe('two\n');
  });

  it('begins anew after a line that a process before could not end', () => {
    const directory = freshDirectory();
    writeFileSync(join(directory, 'audit.jsonl'), 'whole\nto');
    const { file, read } = open(directory);
    file.write('one\n');
    file.write('two\n');
    expect(read()).toBe('whole\nto\none\ntwo\n');
  });

  it('is not waited for when it is a named pipe that nobody reads', () => {
    const path = join(freshDirectory(), 'pipe');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    expect(() => createLineFile(path, () => 0)).toThrow(/ENXIO/);
  });

  whereMounting('on a full disk fails, and goes on with whole lines when there is room', () => {
    const directory = freshDirectory();
    expect(mountSmall(directory)).toBe(true);
    const { file, read } = open(directory);
    // 1,001 bytes do not divide a page: the last one that fits is torn.
    const line = `${'x'.repeat(1000)}\n`;
    let whole = 0;
    expect(() => {
      for (; whole < 1000; whole++) file.write(line);
    }).toThrow(/ENOSPC/);
    expect(() => file.write(line)).toThrow(/ENOSPC/);
    writeFileSync(join(directory, 'audit.jsonl'), 'torn'); // room, as truncating makes it
    file.write('one\n');
    expect(read()).toBe('torn\none\n');
  });
});
