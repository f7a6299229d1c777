import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { readConfigurationFile } from '../../../src/config/load.ts';
import { digestOf, readWithFiles } from '../../../src/reload/read-with-files.ts';
import { endAll, freshDirectory, writeFiles } from '../../support/process.ts';
import { base } from '../config/base.ts';

afterEach(endAll);

const secretOf = (text: string) => `${text}-of-sixteen-characters`;

function createFiles() {
  const directory = freshDirectory();
  const file = join(directory, 'countersign.yaml');
  const secret = join(directory, 'gateway.secret');
  writeFiles(directory, {
    'countersign.yaml': `${base}\ncallers: { secret_file: gateway.secret }\n`,
    'gateway.secret': secretOf('one'),
  });
  return { file, secret, read: () => readConfigurationFile(file, {}) };
}

describe('a reading', () => {
  it('names every file, and has no digest that is newer than what was read', () => {
    const { file, secret, read } = createFiles();
    let reads = 0;
    const reading = readWithFiles(() => {
      const loaded = read();
      // Whoever writes now is too late for this reading.
      if (++reads === 2) writeFileSync(secret, secretOf('two'));
      return loaded;
    }, [file]);
    expect(reads).toBe(2);
    expect(reading.files).toEqual([file, secret]);
    expect(reading.configuration().configuration.callers?.secrets).toEqual([secretOf('one')]);
    expect(reading.digests.get(secret)).toBe(digestOf({ text: secretOf('one') }));
  });

  it('reads once when all files are known', () => {
    const { file, secret, read } = createFiles();
    let reads = 0;
    readWithFiles(() => {
      reads++;
      return read();
    }, [file, secret]);
    expect(reads).toBe(1);
  });

  it('that failed names the files too, also those that are missing', () => {
    const { file, secret, read } = createFiles();
    rmSync(secret);
    const reading = readWithFiles(read, [file]);
    expect(() => reading.configuration()).toThrow('cannot be read (ENOENT)');
    expect(reading.files).toEqual([secret]);
    expect(reading.digests.get(secret)).toBe('cannot be read (ENOENT)');
    writeFileSync(file, 'nonsense: true');
    expect(readWithFiles(read, [file]).files).toEqual([]);
  });
});
